// SPDX-License-Identifier: MIT
//
// LoopWorld: a loop and a scope for tests of what waits for descriptors.
//
// A test spawns tasks and runs turns until something holds. Nothing sleeps: a turn waits for the
// kernel, and the time after which a test gives up is only reached by one that fails.
//
// Thread rule: one thread.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include "tocsin/kern/kernel_testing.hpp"
#include "tocsin/loop/loop.hpp"
#include "tocsin/task/scope.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

/// Both ends of a pair of connected UNIX stream sockets, non-blocking.
inline std::array<Fd, 2> connected_pair(Kernel& kernel = kernel_under_test()) {
  const auto fds =
      kernel.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0).value();
  return {Fd(kernel, fds[0]), Fd(kernel, fds[1])};
}

class LoopWorld {
 public:
  explicit LoopWorld(Kernel& kernel = kernel_under_test(), const LoopOptions& options = {})
      : owned_(Loop::create(kernel, options).value()), loop(*owned_), scope(loop) {}

 private:
  std::unique_ptr<Loop> owned_;

 public:
  Loop& loop;
  Scope scope;  // Ends before the loop, and what it refers to is declared before the world.

  /// Takes turns until `holds()`. Answers whether it does within ten seconds.
  template <class Condition>
  bool run_until(Condition holds) {
    const TimePoint start = loop.now();
    while (!holds()) {
      if (loop.now() - start > std::chrono::seconds(10)) return false;
      if (!loop.run_once(std::chrono::milliseconds(100))) return false;
    }
    return true;
  }

  /// Runs whatever can run without waiting: until a turn found nothing to do.
  void run_until_idle() {
    while (true) {
      const LoopCounters before = loop.counters();
      ASSERT_TRUE(loop.run_once(Duration::zero()));
      const LoopCounters& after = loop.counters();
      if (after.events == before.events && after.left_over == before.left_over &&
          after.works == before.works)
        return;
    }
  }

  /// Runs `task` to its end, with everything that was spawned, and gives its result.
  template <class T>
  T await(Task<T> task) {
    std::optional<T> result;
    {
      Scope own(loop);
      own.spawn(keep(std::move(task), result));
      EXPECT_TRUE(run_until([&] { return result.has_value(); })) << "it did not end";
    }
    return std::move(result).value();
  }

  /// How many registrations there are besides the loop's own.
  std::size_t registrations() { return loop.describe().size() - own_registrations_; }

 private:
  template <class T>
  static Task<> keep(Task<T> task, std::optional<T>& result) {
    result.emplace(co_await std::move(task));
  }

  std::size_t own_registrations_ = loop.describe().size();
};

}  // namespace tocsin
