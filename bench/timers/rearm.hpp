// SPDX-License-Identifier: MIT
//
// What is measured of timers, the same for every library: re-arm one of 100,000.
//
//     timers_LIBRARY.cpp: how to arm, how to turn --> [ measure_rearm ] --> one line of JSON
//
// It is what a server does for each request it reads: the idle timeout of one of its connections is
// moved. The timer is chosen at random, the new timeout too, 30 to 60 seconds ahead, so that no
// structure is handed its best order. The loop takes a turn, without waiting, every 100 re-arms,
// and what it then does for timers is part of the price: who only puts work off has not saved it.
//
// Thread rule: one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace rearm {

constexpr std::size_t timers = 100'000;
constexpr std::size_t operations = 2'000'000;
constexpr std::size_t operations_per_turn = 100;

/// A random number that is the same in every program: one multiplication, so that it costs little
/// beside what is measured.
class Random {
 public:
  std::uint64_t next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return state_ >> 33;
  }

 private:
  std::uint64_t state_ = 1;
};

/// 30 to 60 seconds, in milliseconds: the coarsest unit among the libraries.
inline std::uint64_t timeout_ms(Random& random) { return 30'000 + random.next() % 30'000; }

/// `arm(index, milliseconds)` arms timer `index`, or moves it; `turn()` is one turn of the loop.
/// Prints the nanoseconds of one re-arm, the turns' share included.
template <class Arm, class Turn>
void measure_rearm(Arm arm, Turn turn) {
  using Clock = std::chrono::steady_clock;
  Random random;
  for (std::size_t i = 0; i < timers; ++i) arm(i, timeout_ms(random));
  turn();
  const auto run = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto index = static_cast<std::size_t>(random.next() % timers);
      arm(index, timeout_ms(random));
      if (i % operations_per_turn == operations_per_turn - 1) turn();
    }
  };
  run(operations / 10);
  const auto begin = Clock::now();
  run(operations);
  const std::chrono::duration<double, std::nano> passed = Clock::now() - begin;
  std::printf("{\"ns\": %.2f}\n", passed.count() / static_cast<double>(operations));
}

}  // namespace rearm
