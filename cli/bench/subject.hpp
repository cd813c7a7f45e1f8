// SPDX-License-Identifier: MIT
//
// Subject: a mechanism of waiting, as it is measured: by which Poller, on which kernel.
//
//     classic_table.cpp, udp_echo.cpp ──> [ Subject ] ──> Kernel + Poller
//
// Thread rule: values; what is made of one belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/bench/benchmark.hpp"
#include "tocsin/poll/poller.hpp"

namespace tocsin::bench {

struct Subject {
  /// Which kernel the descriptors are of: the running Linux, or one in user space, for one thread
  /// or for any number (then it locks).
  enum class Home : std::uint8_t { linux, vkern, vkern_threads };

  std::string name;
  Mechanism mechanism;
  Trigger trigger;
  Home home = Home::linux;
};

/// All there are, in the order of their age.
std::vector<Subject> all_subjects();

/// Those of `all` whose names begin with one of `wanted`; all, if nothing is named.
std::vector<Subject> chosen(std::vector<Subject> all, const std::vector<std::string>& wanted);

/// A kernel, and a Poller on it. Descriptors of the kernel end before it does.
class Bed {
 public:
  /// `linux` must outlive it. Says what the mechanism's first system call said, where it is
  /// forbidden or absent.
  static Outcome<Bed> make(const Subject& subject, Kernel& linux);

  Kernel& kernel() { return *kernel_; }
  Poller& poller() { return *poller_; }

  /// As the Poller's, but empty only if `timeout` is over. Late work of a ring that has ended
  /// before interrupts whoever waits in this thread, without any signal (EINTR).
  Result<std::span<Event>> wait(std::span<Event> out, std::optional<Duration> timeout) {
    auto events = poller_->wait(out, timeout);
    if (!events || !events->empty()) [[likely]]
      return events;
    return wait_again(out, timeout);
  }

 private:
  Bed() = default;
  Result<std::span<Event>> wait_again(std::span<Event> out, std::optional<Duration> timeout);

  std::shared_ptr<void> system_;  // A vkern::System, if the kernel is of one. Ends last.
  Kernel* kernel_ = nullptr;
  std::unique_ptr<Poller> poller_;
};

}  // namespace tocsin::bench
