// SPDX-License-Identifier: MIT
//
// vkern_under_test: a kernel in user space as the suites of the layers above it want one.
//
//     poll, loop, source, net, file, http: tests ──> Kernel ──> [ a process of vkern, Threads ]
//
// One for the whole run, as Linux is one: what a test leaves open the next one finds. As every
// process, it begins with the numbers 0, 1 and 2 taken, and it finds /tmp and its own program.
//
// Ownership: the program's. Thread rule: any thread.
#pragma once

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "tocsin/base/check.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {

inline Process<Threads>& vkern_under_test() {
  // More than any test wants, and few enough to be used up.
  static System<Threads> system([] {
    SystemOptions options;
    options.most_descriptors = 32'768;
    return options;
  }());
  static Process<Threads>& process = [] -> Process<Threads>& {
    Process<Threads>& init = system.init();
    for (int number = 0; number < 3; ++number)
      CHECK(init.eventfd(0, EFD_CLOEXEC) == number, "a process begins with none open");
    for (const char* path : {"/proc", "/proc/self"})
      CHECK(init.mkdirat(AT_FDCWD, path, 0755), "its tree of files begins without");
    CHECK(init.mknodat(AT_FDCWD, "/proc/self/exe", S_IFREG | 0755), "and has room for a file");
    return init;
  }();
  return process;
}

}  // namespace tocsin::vkern
