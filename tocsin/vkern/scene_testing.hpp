// SPDX-License-Identifier: MIT
//
// Scene: one epoll, two counters registered with it, and threads that work on them; and what must
// be true of it in every schedule.
//
//     explorer ──Choices──> [ Scene: producers, sleepers, a scanner, a closer ] ──> Outcome
//
// Thread rule: one thread.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <string>
#include <utility>

#include "tocsin/vkern/explorer_testing.hpp"
#include "tocsin/vkern/exploring_testing.hpp"

namespace tocsin::vkern {

template <class P>
class Scene {
 public:
  /// 'l' is registered level-triggered, 'e' and 'f' edge-triggered.
  explicit Scene(Choices choices) {
    system_.world().follow(std::move(choices));
    add(level_, EPOLLIN, 'l');
    add(edge_, EPOLLIN | EPOLLET, 'e');
    add(second_edge_, EPOLLIN | EPOLLET, 'f');
  }

  // ---- who takes part ---------------------------------------------------------------------------

  /// Writes to each of `names` in turn.
  void produce(std::string names) {
    for (const char name : names) written_ += name;
    spawn([this, names = std::move(names)] {
      // To one that is closed meanwhile it fails: EBADF.
      for (const char name : names) static_cast<void>(process_.write(number_of(name), 1));
    });
  }
  /// One epoll_wait(2) that sleeps: for ever, or until a deadline.
  void wait_for_ever(std::size_t room = 1) { harvest(std::nullopt, room); }
  void wait_a_while(std::size_t room = 1) {
    harvest(system_.world().now() + std::chrono::seconds{1}, room);
  }
  /// One that only looks.
  void scan(std::size_t room = 1) { harvest(at_once, room); }
  /// One that registers 'g', edge-triggered, which is so far only written to.
  void add_late() {
    spawn([this] { add(late_, EPOLLIN | EPOLLET, 'g'); });
  }
  void close(char name) {
    removed_ += name;
    spawn([this, name] { process_.close(number_of(name)); });
  }
  void remove(char name) {
    removed_ += name;
    spawn([this, name] {
      static_cast<void>(process_.epoll_ctl(epoll_, EPOLL_CTL_DEL, number_of(name), {}));
    });
  }
  /// EPOLL_CTL_MOD, which looks whether it is ready.
  void modify(char name, std::uint32_t events) {
    spawn([this, name, events] {
      static_cast<void>(process_.epoll_ctl(epoll_, EPOLL_CTL_MOD, number_of(name),
                                           {.events = events, .data = {.u64 = number(name)}}));
    });
  }

  void close_epoll() {
    removed_ += "efgl";
    spawn([this] { process_.close(epoll_); });
  }
  /// Another epoll that watches this one, edge-triggered, under the name 'o'.
  void nest() {
    outer_ = process_.epoll_create1();
    static_cast<void>(
        process_.epoll_ctl(outer_, EPOLL_CTL_ADD, epoll_,
                           {.events = EPOLLIN | EPOLLET, .data = {.u64 = number('o')}}));
  }
  /// As wait_for_ever, in that one.
  void wait_outside() {
    spawn([this] { take(outer_, std::nullopt, 1); });
  }

  // ---- what is true -----------------------------------------------------------------------------

  /// Runs them until all is quiet, and says what is wrong then.
  Outcome run() {
    system_.world().explore();
    Outcome outcome{.fault = fault(), .made = system_.world().choices().made()};
    return outcome;
  }

 private:
  static std::uint64_t number(char name) { return static_cast<std::uint64_t>(name); }
  int number_of(char name) const {
    return name == 'l' ? level_ : name == 'e' ? edge_ : name == 'f' ? second_edge_ : late_;
  }
  void add(int fd, std::uint32_t events, char name) {
    static_cast<void>(process_.epoll_ctl(epoll_, EPOLL_CTL_ADD, fd,
                                         {.events = events, .data = {.u64 = number(name)}}));
  }
  void spawn(internal::Fiber::Body body) { system_.world().spawn(std::move(body)); }

  std::string take(int epoll, std::optional<TimePoint> deadline, std::size_t room) {
    std::array<epoll_event, 4> events;
    const Count count = process_.epoll_wait(epoll, std::span(events).first(room), deadline);
    std::string names;
    for (std::size_t i = 0; i < count.value_or(0); ++i)
      names += static_cast<char>(events[i].data.u64);
    return names;
  }
  void harvest(std::optional<TimePoint> deadline, std::size_t room) {
    std::string& seen = seen_.emplace_back();
    spawn([this, &seen, deadline, room] { seen = take(epoll_, deadline, room); });
  }

  // All threads that are left sleep in epoll_wait(2), if there is no deadlock.
  std::string fault() {
    auto& world = system_.world();
    if (world.waiting_for_locks() > 0) return "a deadlock";
    if (world.locks_held() > 0) return "a lock is held by nobody who runs";
    const std::size_t asleep = world.thread_count() - 1;
    const std::string outside = outer_ < 0 ? "" : take(outer_, at_once, 1);
    std::string left = take(epoll_, at_once, 4);
    if (asleep > 0 && !(outside + left).empty())
      return "a wake-up is lost: " + outside + left + " is left";
    seen_.push_back(std::move(left));
    for (const char name : {'e', 'f', 'g'})
      if (has(written_, name) && !has(removed_, name) && !is_seen(name))
        return std::string("an edge is lost: ") + name;
    for (const std::string& seen : seen_)
      if (seen.find('f') < seen.find('e') && has(seen, 'e')) return "out of order: " + seen;
    return {};
  }
  static bool has(const std::string& names, char name) {
    return names.find(name) != std::string::npos;
  }
  bool is_seen(char name) const {
    return std::ranges::any_of(seen_, [&](const std::string& seen) { return has(seen, name); });
  }

  System<P> system_;
  Process<P>& process_ = system_.init();
  const int epoll_ = process_.epoll_create1();
  int outer_ = -1;
  const int level_ = *process_.eventfd(0, EFD_NONBLOCK);
  const int edge_ = *process_.eventfd(0, EFD_NONBLOCK);
  const int second_edge_ = *process_.eventfd(0, EFD_NONBLOCK);
  const int late_ = *process_.eventfd(0, EFD_NONBLOCK);
  std::string written_;
  std::string removed_;
  std::deque<std::string> seen_;  // By each harvest; what is left at the end is the last.
};

}  // namespace tocsin::vkern
