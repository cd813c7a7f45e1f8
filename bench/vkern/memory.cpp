// SPDX-License-Identifier: MIT
//
// What a counter and what a registration take of the heap, all told: the growth of the heap over
// 100,000 of each, with what malloc(3) adds and what tables have in reserve. The real kernel's
// share is not to be had by a process, and is left out.
#include <malloc.h>

#include <cstdlib>
#include <string_view>

#include "bench/vkern/subjects.hpp"

namespace bench {
namespace {

constexpr std::size_t many = 100'000;

double heap() {
  const auto info = ::mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

}  // namespace

void measure_memory(const Subjects& subjects, Report& report) {
  std::vector<int> fds;
  fds.reserve(many);
  for (const Subject& subject : subjects) {
    if (std::string_view(subject.name) == "linux") continue;
    Kernel& kernel = *subject.kernel;
    const int epoll = kernel.epoll_create1(EPOLL_CLOEXEC).value();
    const double before = heap();
    for (std::size_t i = 0; i < many; ++i)
      fds.push_back(kernel.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC).value());
    const double with_counters = heap();
    for (const int fd : fds) {
      epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
      if (!kernel.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) std::abort();
    }
    const double with_registrations = heap();
    report.add("bytes_per_eventfd", subject.name, {(with_counters - before) / many});
    report.add("bytes_per_registration", subject.name,
               {(with_registrations - with_counters) / many});
    if (!kernel.close(epoll)) std::abort();
    for (const int fd : fds)
      if (!kernel.close(fd)) std::abort();
    fds.clear();
  }
}

}  // namespace bench
