// SPDX-License-Identifier: MIT
//
// main of the suites of `task`, which call no kernel: --kernel=linux (the default) runs them on an
// executor that is a list, --kernel=vkern on a loop on the kernel in user space.
#include <cstdio>
#include <memory>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/kernels/loop_machine.hpp"

int main(int count, char** arguments) {
  testing::InitGoogleTest(&count, arguments);  // Takes out what is GoogleTest's.
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--kernel=vkern") {
      // A loop may not be used in a forked child, so one that is to die is a program of its own.
      GTEST_FLAG_SET(death_test_style, "threadsafe");
      tocsin::ManualExecutor::choose_machine(
          []() -> std::unique_ptr<tocsin::ManualExecutor::Machine> {
            return std::make_unique<tocsin::LoopMachine>();
          });
    } else if (argument != "--kernel=linux") {
      std::fprintf(stderr, "no such argument: %s (--kernel=linux, --kernel=vkern)\n", arguments[i]);
      return 2;
    }
  }
  return RUN_ALL_TESTS();
}
