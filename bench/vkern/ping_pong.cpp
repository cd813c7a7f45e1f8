// SPDX-License-Identifier: MIT
//
// Two threads, each with an epoll and a counter that the other one writes to.
//
// Spinning: each answers at once, so that whoever waits is hardly ever found asleep where waiting
// begins with a look around; a round trip is the length of the exchange by the number of rounds.
// Parked: each answers only after 100 microseconds, by which time the other one sleeps; a round
// trip is the time from writing to having been woken, once each way.
//
// Either way each thread has a core of its own, if there are two.
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "bench/vkern/subjects.hpp"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::duration<double, std::nano>;

// Keeps the calling thread on the first or the last of the cores that this program was given.
void take_core(const cpu_set_t& all, bool last) {
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    const int cpu = last ? CPU_SETSIZE - 1 - i : i;
    if (!CPU_ISSET(cpu, &all)) continue;
    CPU_SET(cpu, &one);
    break;
  }
  sched_setaffinity(0, sizeof one, &one);
}

class Side {
 public:
  explicit Side(Kernel& kernel)
      : kernel_(kernel),
        epoll_(kernel, kernel.epoll_create1(EPOLL_CLOEXEC).value()),
        bell_(counter(kernel)) {
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = 0}};
    if (!kernel.epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, bell_.get(), &event)) std::abort();
  }

  void ring() {
    const std::uint64_t one = 1;
    rung_ = Clock::now();
    if (!kernel_.write(bell_.get(), std::as_bytes(std::span(&one, 1)))) std::abort();
  }
  // Answers how long it took from the ringing to the waking.
  Nanoseconds wait() {
    epoll_event event;
    while (kernel_.epoll_wait(epoll_.get(), {&event, 1}, -1) != 1u) {
    }
    const auto woken = Clock::now();
    std::uint64_t count = 0;
    if (!kernel_.read(bell_.get(), std::as_writable_bytes(std::span(&count, 1)))) std::abort();
    return woken - rung_;
  }

 private:
  Kernel& kernel_;
  Fd epoll_;
  Fd bell_;
  Clock::time_point rung_;  // Written before the bell rings, read after: the kernel orders it.
};

void stay_busy(std::chrono::microseconds length) {
  const auto end = Clock::now() + length;
  while (Clock::now() < end) {
  }
}

double spinning(Side& mine, Side& other, const cpu_set_t& cores) {
  constexpr int trips = 20'000;
  std::jthread thread([&] {
    take_core(cores, true);
    for (int i = 0; i < trips; ++i) {
      other.wait();
      mine.ring();
    }
  });
  const auto begin = Clock::now();
  for (int i = 0; i < trips; ++i) {
    other.ring();
    mine.wait();
  }
  return Nanoseconds(Clock::now() - begin).count() / trips;
}

double parked(Side& mine, Side& other, const cpu_set_t& cores) {
  constexpr std::size_t trips = 100;
  constexpr std::chrono::microseconds long_enough{100};
  std::vector<double> there(trips), back(trips);
  std::jthread thread([&] {
    take_core(cores, true);
    for (std::size_t i = 0; i < trips; ++i) {
      there[i] = other.wait().count();
      stay_busy(long_enough);
      mine.ring();
    }
  });
  for (std::size_t i = 0; i < trips; ++i) {
    stay_busy(long_enough);
    other.ring();
    back[i] = mine.wait().count();
  }
  thread.join();
  std::ranges::sort(there);
  std::ranges::sort(back);
  return there[trips / 2] + back[trips / 2];
}

}  // namespace

void measure_ping_pong(const Subjects& subjects, int rounds, Report& report) {
  cpu_set_t cores;
  sched_getaffinity(0, sizeof cores, &cores);
  take_core(cores, false);
  struct Figure {
    const char* name;
    double (*measure)(Side&, Side&, const cpu_set_t&);
    int rounds;
  };
  for (const Figure& figure :
       {Figure{"round_trip", spinning, rounds}, Figure{"round_trip_parked", parked, 5 * rounds}}) {
    std::vector<std::vector<double>> values(subjects.size());
    for (int round = 0; round < figure.rounds; ++round) {
      for (std::size_t i = 0; i < subjects.size(); ++i) {
        if (std::string_view(subjects[i].name) == "single") continue;
        Side mine(*subjects[i].kernel);
        Side other(*subjects[i].kernel);
        values[i].push_back(figure.measure(mine, other, cores));
      }
    }
    for (std::size_t i = 0; i < subjects.size(); ++i)
      if (!values[i].empty()) report.add(figure.name, subjects[i].name, values[i]);
  }
  sched_setaffinity(0, sizeof cores, &cores);
}

}  // namespace bench
