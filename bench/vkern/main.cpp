// SPDX-License-Identifier: MIT
//
// The figures of vkern beside those of the running kernel: one JSON object, FIGURE.SUBJECT: values.
// The argument is the number of rounds.
#include <sys/resource.h>

#include <charconv>
#include <string_view>

#include "bench/vkern/subjects.hpp"
#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/vkern/process.hpp"

int main(int count, char** arguments) {
  int rounds = 5;
  if (count > 1) {
    const std::string_view text = arguments[1];
    std::from_chars(text.data(), text.data() + text.size(), rounds);
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);

  tocsin::vkern::System<tocsin::vkern::Single> single;
  tocsin::vkern::System<tocsin::vkern::Threads> threads;
  const bench::Subjects subjects{{"linux", &tocsin::LinuxKernel::shared()},
                                 {"single", &single.init()},
                                 {"threads", &threads.init()}};
  bench::Report report;
  bench::measure_memory(subjects, report);  // First: the heap is as it was.
  bench::measure_operations(subjects, rounds, report);
  bench::measure_ping_pong(subjects, rounds, report);
}
