// SPDX-License-Identifier: MIT
//
// One epoll, a number of idle counters registered in it, and one in use: what each call costs, and
// whether it costs more the more there are. Where a process may not have so many descriptors
// (RLIMIT_NOFILE), Linux has no figure.
#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "bench/vkern/subjects.hpp"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::duration<double, std::nano>;

class Set {
 public:
  Set(Kernel& kernel, std::size_t registrations)
      : kernel_(kernel), epoll_(kernel, kernel.epoll_create1(EPOLL_CLOEXEC).value()) {
    // The one in use is neither the first nor the last.
    for (std::size_t i = 0; i < registrations; ++i) {
      counters_.push_back(counter(kernel));
      if (!control(EPOLL_CTL_ADD, counters_.back().get(), EPOLLIN)) std::abort();
    }
    used_ = counters_[registrations / 2].get();
  }

  void write() {
    const std::uint64_t one = 1;
    check(kernel_.write(used_, std::as_bytes(std::span(&one, 1))).has_value());
  }
  void read() {
    std::uint64_t count = 0;
    check(kernel_.read(used_, std::as_writable_bytes(std::span(&count, 1))).has_value());
  }
  void wait(std::size_t expected) {
    check(kernel_.epoll_wait(epoll_.get(), events_, 0) == expected);
  }
  void modify() {
    edge_ = !edge_;
    check(control(EPOLL_CTL_MOD, used_, edge_ ? EPOLLIN | EPOLLET : EPOLLIN));
  }
  void remove_and_add() {
    check(control(EPOLL_CTL_DEL, used_, 0));
    check(control(EPOLL_CTL_ADD, used_, EPOLLIN));
  }

 private:
  static void check(bool well) {
    if (!well) [[unlikely]]
      std::abort();
  }
  bool control(int operation, int fd, std::uint32_t events) {
    epoll_event event{.events = events, .data = {.fd = fd}};
    return kernel_.epoll_ctl(epoll_.get(), operation, fd, &event).has_value();
  }

  Kernel& kernel_;
  Fd epoll_;
  std::vector<Fd> counters_;
  std::array<epoll_event, 64> events_{};
  int used_ = -1;
  bool edge_ = false;
};

// Nanoseconds of one of many, in about 5 milliseconds.
template <class Operation>
double time_of(Operation operation) {
  constexpr std::chrono::milliseconds enough{5};
  constexpr int batch = 256;
  for (int i = 0; i < batch; ++i) operation();
  const auto begin = Clock::now();
  std::uint64_t count = 0;
  auto end = begin;
  while (end - begin < enough) {
    for (int i = 0; i < batch; ++i) operation();
    count += batch;
    end = Clock::now();
  }
  return Nanoseconds(end - begin).count() / static_cast<double>(count);
}

double message(Set& set) {
  return time_of([&] {
    set.write();
    set.wait(1);
    set.read();
  });
}
double wait_for_nothing(Set& set) {
  set.wait(0);
  return time_of([&] { set.wait(0); });
}
double wait_for_one(Set& set) {
  set.write();
  const double time = time_of([&] { set.wait(1); });
  set.read();
  set.wait(0);
  return time;
}
double modify(Set& set) {
  return time_of([&] { set.modify(); });
}
double remove_and_add(Set& set) {
  return time_of([&] { set.remove_and_add(); });
}

struct Figure {
  const char* name;
  double (*measure)(Set&);
};
constexpr std::array figures{
    Figure{"message", message},           Figure{"wait_nothing", wait_for_nothing},
    Figure{"wait_one", wait_for_one},     Figure{"modify", modify},
    Figure{"remove_add", remove_and_add},
};
constexpr std::array<std::size_t, 3> sizes{10, 1'000, 100'000};

}  // namespace

// A neighbour on the same core costs half as much again, for some tenths of a second: sizes and
// subjects are compared within a round, one right after the other, and the rounds are many.
void measure_operations(const Subjects& subjects, int rounds, Report& report) {
  constexpr int short_rounds = 5;  // Of these in one of the others'.
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  struct Measured {
    std::size_t size;
    const Subject& subject;
    std::unique_ptr<Set> set;
    std::array<std::vector<double>, figures.size()> values;
  };
  std::vector<Measured> all;
  for (const Subject& subject : subjects)
    for (const std::size_t size : sizes) {
      const bool too_many =
          std::string_view(subject.name) == "linux" && files.rlim_cur < size + 100;
      if (too_many) continue;
      all.push_back({size, subject, std::make_unique<Set>(*subject.kernel, size), {}});
    }
  for (int round = 0; round < rounds * short_rounds; ++round)
    for (std::size_t i = 0; i < figures.size(); ++i)
      for (Measured& one : all) one.values[i].push_back(figures[i].measure(*one.set));
  for (const Measured& one : all)
    for (std::size_t i = 0; i < figures.size(); ++i)
      report.add(std::string(figures[i].name) + "." + std::to_string(one.size), one.subject.name,
                 one.values[i]);
}

}  // namespace bench
