// SPDX-License-Identifier: MIT
#include "cli/bench/subject.hpp"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/system.hpp"

namespace tocsin::bench {
namespace {

// As the only owner of a system: its init is the kernel.
template <class Policy>
std::pair<std::shared_ptr<void>, Kernel*> make_system() {
  auto system = std::make_shared<vkern::System<Policy>>();
  Kernel* const kernel = &system->init();
  return {std::move(system), kernel};
}

std::string advice(Mechanism mechanism, Errno error) {
  if (mechanism != Mechanism::io_uring && mechanism != Mechanism::io_uring_epoll) return {};
  if (error == Errno::not_permitted)
    return "; forbidden by kernel.io_uring_disabled, or by a container's seccomp filter";
  if (error != Errno{ENOSYS}) return {};
  return mechanism == Mechanism::io_uring ? "; since Linux 5.13" : "; since Linux 6.15";
}

}  // namespace

std::vector<Subject> all_subjects() {
  using Home = Subject::Home;
  return {{"select", Mechanism::select, Trigger::level},
          {"poll", Mechanism::poll, Trigger::level},
          {"epoll level", Mechanism::epoll, Trigger::level},
          {"epoll edge", Mechanism::epoll, Trigger::edge},
          {"io_uring multishot", Mechanism::io_uring, Trigger::edge},
          {"io_uring epoll", Mechanism::io_uring_epoll, Trigger::level},
          {"vkern epoll", Mechanism::epoll, Trigger::level, Home::vkern},
          {"vkern epoll threads", Mechanism::epoll, Trigger::level, Home::vkern_threads}};
}

std::vector<Subject> chosen(std::vector<Subject> all, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return all;
  std::erase_if(all, [&](const Subject& subject) {
    return std::ranges::none_of(
        wanted, [&](const std::string& begin) { return subject.name.starts_with(begin); });
  });
  return all;
}

Outcome<Bed> Bed::make(const Subject& subject, Kernel& linux) {
  Bed bed;
  bed.kernel_ = &linux;
  if (subject.home == Subject::Home::vkern)
    std::tie(bed.system_, bed.kernel_) = make_system<vkern::Single>();
  if (subject.home == Subject::Home::vkern_threads)
    std::tie(bed.system_, bed.kernel_) = make_system<vkern::Threads>();
  auto poller = make_poller(*bed.kernel_, subject.mechanism);
  if (!poller)
    return std::unexpected(why_not(name_of(subject.mechanism), poller.error()) +
                           advice(subject.mechanism, poller.error()));
  bed.poller_ = std::move(*poller);
  return bed;
}

Result<std::span<Event>> Bed::wait_again(std::span<Event> out, std::optional<Duration> timeout) {
  const TimePoint end = saturating_add(now(), timeout.value_or(Duration::max()));
  while (now() < end) {
    auto events = poller_->wait(out, timeout);
    if (!events || !events->empty()) return events;
  }
  return out.first(0);
}

}  // namespace tocsin::bench
