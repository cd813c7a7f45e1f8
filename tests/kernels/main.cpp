// SPDX-License-Identifier: MIT
//
// main of the suites that run on more than one kernel: --kernel=linux (the default) or
// --kernel=vkern, besides GoogleTest's own flags.
#include <cstdio>
#include <string_view>

#include <gtest/gtest.h>

#include "tocsin/kern/kernel_testing.hpp"
#include "tocsin/vkern/kernel_testing.hpp"

int main(int count, char** arguments) {
  testing::InitGoogleTest(&count, arguments);  // Takes out what is GoogleTest's.
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--kernel=vkern") {
      tocsin::choose_kernel_under_test(tocsin::vkern::vkern_under_test());
    } else if (argument != "--kernel=linux") {
      std::fprintf(stderr, "no such argument: %s (--kernel=linux, --kernel=vkern)\n", arguments[i]);
      return 2;
    }
  }
  return RUN_ALL_TESTS();
}
