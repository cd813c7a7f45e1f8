// SPDX-License-Identifier: MIT
//
// The contract of Poller, as a fixture: {kernels} x {epoll, poll, select, io_uring, and
// an epoll in an io_uring}.
//
// Every test of the suite runs on every mechanism. Where a mechanism differs by nature, the test
// asks the table of capabilities below, and nothing else: that table is the whole of what
// distinguishes one from another. A mechanism that is missing at run time (io_uring is forbidden in
// many containers, and vkern has none) is skipped with its reason, and so is, on vkern, what only a
// process of Linux can do: to fork, and to be interrupted by a signal.
//
// Answers are compared as lists, so a test that expects {} shows that nothing came, and one that
// expects {a, b} shows the order.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tocsin/kern/fd.hpp"
#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/poll/poller.hpp"

namespace tocsin::contract {

using namespace std::chrono_literals;

/// What a registration belongs to, and so what closing its descriptor does to it.
enum class Identity {
  description,  // The open file description: it ends with the last duplicate.
  number,       // The descriptor's number: it ends when a wait finds that closed.
  held,         // The description, which a request in flight keeps open, and the number when a
                // request has to be made again.
};

struct Capabilities {
  bool edge;        // Trigger::edge.
  bool exclusive;   // Mode::exclusive.
  bool hangup;      // error, hangup and read_hangup are words of its own.
  bool whole_mask;  // An edge answers with all that is true, not only with what has happened.
  bool descriptor;  // It is made of a descriptor, so that there can be none left (EMFILE)...
  bool pollable;    // ... and by that it can be waited for itself.
  Identity identity;
};

/// The one place where the mechanisms differ.
const Capabilities& capabilities_of(Mechanism mechanism);

/// A kernel and a mechanism on it: the parameter of the suite.
struct World {
  const char* kernel_name;
  Kernel& (*kernel)();
  Mechanism mechanism;
};
std::string name_of(const testing::TestParamInfo<World>& world);
void PrintTo(const World& world, std::ostream* out);

/// Every kernel with every mechanism on it; those whose mechanism has a capability.
std::vector<World> worlds();
std::vector<World> worlds_with(bool Capabilities::* capability);

/// An Event as a test compares and prints it.
struct Answer {
  std::uint64_t token;
  Ready ready;
  bool operator==(const Answer&) const = default;
};
void PrintTo(const Answer& answer, std::ostream* out);
using Answers = std::vector<Answer>;

struct Pair {
  Fd first;   // Of a pipe: the end to read from.
  Fd second;  // Of a pipe: the end to write to.
};

inline constexpr Mode level{};
inline constexpr Mode edge{.trigger = Trigger::edge};
inline constexpr Mode oneshot{.oneshot = true};
inline constexpr Mode exclusive{.exclusive = true};

class PollerContract : public testing::TestWithParam<World> {
 protected:
  void SetUp() override;

  Kernel& kernel() { return GetParam().kernel(); }
  const Capabilities& can() const { return capabilities_of(GetParam().mechanism); }
  bool is_on_linux() { return &kernel() == &LinuxKernel::shared(); }
  std::unique_ptr<Poller> another();

  // Non-blocking, close-on-exec, closed at the end of the test.
  Pair pipe();
  Pair sockets(int type = SOCK_STREAM);
  Fd counter(unsigned initial = 0);  // An eventfd.

  void put(const Fd& fd, std::size_t size = 1);
  std::size_t take(const Fd& fd, std::size_t size = 65536);  // 0 at the end and for EAGAIN.
  void bump(const Fd& eventfd);
  void drain(const Fd& eventfd);

  /// `add` that must succeed.
  void watch(const Fd& fd, Ready interest, Mode mode, std::uint64_t token);
  /// The same, and `modify`, as they are.
  Result<> add(int fd, Ready interest, Mode mode, std::uint64_t token);
  Result<> modify(int fd, Ready interest, Mode mode, std::uint64_t token);

  /// What is ready now, at most `room` of it.
  Answers look(std::size_t room = 16);
  Answers wait_on(Poller& poller, std::optional<Duration> timeout, std::size_t room = 16);

  // A wait may end with nothing because it was interrupted, and here that happens without a signal:
  // a ring that a test before has closed interrupts the threads that used it, some time later.

  /// Waits for the first answers, again if it was interrupted, as every caller must; but not for
  /// ever, because what never answers must fail.
  Answers next(std::optional<Duration> timeout = 10s, std::size_t room = 16);
  /// Whether a wait with nothing to answer lasts `timeout`, and not a nanosecond less: one wait, in
  /// a thread of its own, which no ring knows.
  bool waits_out(Duration timeout);

  std::unique_ptr<Poller> poller_;

 private:
  static constexpr Duration patience = 5s;

  Duration now();
};

/// For EXPECT_EQ against a Result<>: 0 for success, else the error number.
int code(const Result<>& result);

}  // namespace tocsin::contract
