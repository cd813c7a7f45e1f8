// SPDX-License-Identifier: MIT
//
// What is measured of vkern, the same for every kernel: the running Linux, vkern for one thread,
// vkern for any number.
//
//     main ──> operations, ping_pong, memory ──> Kernel& of each subject ──> one line of JSON each
//
// Every call goes through Kernel and its descriptors, as a Poller's does. Rounds of the subjects
// alternate, so that none of them has the quiet minutes; bench/runner/vkern.py takes the medians.
//
// Thread rule: one thread, except inside ping_pong.
#pragma once

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tocsin/kern/fd.hpp"
#include "tocsin/kern/kernel.hpp"

namespace bench {

using tocsin::Fd;
using tocsin::Kernel;

struct Subject {
  const char* name;  // linux, single, threads
  Kernel* kernel;
};

using Subjects = std::vector<Subject>;

/// One figure of each subject, a value for each round, as a member of a JSON object.
class Report {
 public:
  Report() { std::printf("{"); }
  ~Report() { std::printf("\n}\n"); }
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;

  void add(std::string_view figure, std::string_view subject, const std::vector<double>& values) {
    std::printf("%s\n  \"%.*s.%.*s\": [", std::exchange(first_, false) ? "" : ",",
                static_cast<int>(figure.size()), figure.data(), static_cast<int>(subject.size()),
                subject.data());
    for (std::size_t i = 0; i < values.size(); ++i)
      std::printf("%s%.2f", i == 0 ? "" : ", ", values[i]);
    std::printf("]");
  }

 private:
  bool first_ = true;
};

inline Fd counter(Kernel& kernel) {
  return Fd(kernel, kernel.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC).value());
}

void measure_operations(const Subjects& subjects, int rounds, Report& report);
void measure_ping_pong(const Subjects& subjects, int rounds, Report& report);
void measure_memory(const Subjects& subjects, Report& report);

}  // namespace bench
