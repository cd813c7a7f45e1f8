// SPDX-License-Identifier: MIT
//
// What is measured of waking, the same for every library: two threads on two cores, each in a loop
// of its own that sleeps; one wakes the other, who wakes it in return: a round trip is two
// wake-ups.
//
//     wake_LIBRARY.cpp: how to wake, how to run --> [ measure_wake ] --> one line of JSON
//
// Only one of the two ever has something to do, so each wake-up finds its loop asleep, or just
// about to be: what is measured is the way through the library and the kernel, and how long it
// takes the machine to get a core out of its sleep, which is the same for all who sleep. Hence
// round trips are compared with those of the other libraries, in the same minute. A loop that looks
// on for a while before it sleeps finds that these are wake-ups which pay it: its figure is the way
// through the library alone, at the price of a busy core (tocsin.cpp; tocsin_asleep.cpp is
// without).
//
// A library's class has
//
//     explicit Library(wake::Side&);  // Makes its loop, on any thread.
//     void wake();                    // From the other thread: has `side.woken()` called in the
//     loop. void run();                     // Runs the loop until `side.is_done()`.
//
// Thread rule: `wake` on the thread of the other side, everything else on the side's own.
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "bench/post/cores.hpp"

namespace wake {

/// One of the two threads, as its library sees it.
class Side {
 public:
  Side(std::size_t rounds, std::function<void()> answer)
      : rounds_(rounds), answer_(std::move(answer)) {}

  /// It has been woken, for the nth time: wakes the other one.
  void woken() {
    ++count_;
    answer_();
  }
  std::size_t count() const { return count_; }
  bool is_done() const { return count_ >= rounds_; }

 private:
  std::size_t rounds_;
  std::size_t count_ = 0;
  std::function<void()> answer_;
};

inline void print(std::vector<double>& times) {
  std::ranges::sort(times);
  const auto share = [&](std::size_t percent) { return times[times.size() * percent / 100]; };
  std::printf("{\"ns\": %.0f, \"p10_ns\": %.0f, \"p99_ns\": %.0f, \"rounds\": %zu}\n", share(50),
              share(10), share(99), times.size());
}

/// `--rounds N`, or 20,000.
inline std::size_t rounds_of(int argc, char** argv) {
  std::size_t rounds = 20'000;
  if (argc == 1) return rounds;
  const std::string_view text = argc == 3 ? argv[2] : "";
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rounds);
  if (argc != 3 || std::string_view(argv[1]) != "--rounds" || error != std::errc{} ||
      end != text.data() + text.size() || rounds == 0) {
    std::fprintf(stderr, "usage: %s [--rounds N]\n", argv[0]);
    std::exit(2);
  }
  return rounds;
}

/// Prints the median, the quickest tenth and the slowest hundredth of the round trips.
template <class Library>
int measure_wake(int argc, char** argv) {
  using Clock = std::chrono::steady_clock;
  const std::size_t rounds = rounds_of(argc, argv);
  std::vector<double> times;
  times.reserve(rounds);
  Library* asking = nullptr;
  Library* answering = nullptr;
  Clock::time_point asked;

  Side answers(rounds, [&] { asking->wake(); });
  Side asks(rounds, [&] {
    const auto now = Clock::now();
    times.push_back(std::chrono::duration<double, std::nano>(now - asked).count());
    asked = now;
    if (!asks.is_done()) answering->wake();
  });
  Library asker(asks), answerer(answers);
  asking = &asker;
  answering = &answerer;

  const bench::Cores cores;
  cores.take_last();
  std::jthread other([&] {
    cores.take_first();
    answerer.run();
  });
  asked = Clock::now();
  answering->wake();
  asker.run();
  other.join();
  print(times);
  return 0;
}

}  // namespace wake
