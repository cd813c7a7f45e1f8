// SPDX-License-Identifier: MIT
//
// A storm of stale events: the two ways in which an event reaches a loop whose descriptor is
// somebody else's by then (docs/traps/closed-but-registered.md), 255 of each at a time.
//
//   - In one batch: 256 descriptors are ready; whoever is served first closes the others, opens new
//     ones, which get the same numbers, and registers those.
//   - Of a duplicate: what was closed lives on in a dup(2), and the kernel goes on reporting it,
//     under the number that it was registered with.
//
// The new descriptors are never made ready: an event that reaches one of them is another's, and
// there must be none.
//
// Thread rule: one thread.
#include <sys/eventfd.h>

#include <array>
#include <memory>
#include <span>

#include <fmt/core.h>

#include "cli/bench/loop_list.hpp"
#include "cli/bench/loop_thread.hpp"
#include "tocsin/kern/fd.hpp"

namespace tocsin::bench {
namespace {

class Storm {
 public:
  static constexpr std::size_t descriptors = 256;

  Storm(Kernel& kernel, std::unique_ptr<Loop> loop) : kernel_(kernel), loop_(std::move(loop)) {
    for (Peer& peer : peers_) peer.storm = this;
    for (Newcomer& newcomer : newcomers_) newcomer.storm = this;
  }
  Storm(const Storm&) = delete;
  Storm& operator=(const Storm&) = delete;
  ~Storm() { clear(); }

  // Nanoseconds an event, how many in a hundred were dropped, how many reached somebody else.
  Outcome<Measured> sample(const Pace& pace) {
    const LoopCounters before = loop_->counters();
    wrong_ = 0;
    reused_ = 0;
    Duration time{};
    const TimePoint end = now() + pace.sample;
    do {
      if (auto failed = prepare(); !failed.empty()) return std::unexpected(std::move(failed));
      const TimePoint begin = now();
      blow();
      time += now() - begin;
      clear();
      if (!complaint_.empty()) return std::unexpected(complaint_);
    } while (now() < end);
    const std::uint64_t events = loop_->counters().events - before.events;
    const auto dropped = static_cast<double>(loop_->counters().stale_events - before.stale_events);
    const auto all = static_cast<double>(events);
    return Measured{
        {static_cast<double>(time.count()) / all, 100 * dropped / all, static_cast<double>(wrong_)},
        events,
        fmt::format("{} numbers were reused", reused_)};
  }

 private:
  struct Peer final : Source {
    void on_ready(Ready) override { storm->replace_all_but(*this); }

    Storm* storm = nullptr;
    Fd fd;
    Fd duplicate;
    Token token{};
    bool is_registered = false;
  };
  struct Newcomer final : Source {
    void on_ready(Ready) override { ++storm->wrong_; }

    Storm* storm = nullptr;
    Fd fd;
    Token token{};
    bool is_registered = false;
  };

  // All are ready, and each has a duplicate.
  std::string prepare() {
    for (Peer& peer : peers_) {
      auto fd = own(kernel_, kernel_.eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
      if (!fd) return why_not("eventfd", fd.error());
      auto duplicate = own(kernel_, kernel_.dup(fd->get()));
      if (!duplicate) return why_not("dup", duplicate.error());
      const auto token = add(*fd, peer);
      if (!token) return why_not("registration", token.error());
      peer.fd = std::move(*fd);
      peer.duplicate = std::move(*duplicate);
      peer.token = *token;
      peer.is_registered = true;
    }
    return {};
  }

  // One turn finds the whole batch; the next one what the duplicates say.
  void blow() {
    is_replaced_ = false;
    turn();
    const std::uint64_t number = 1;
    for (Peer& peer : peers_)
      if (const auto done =
              kernel_.write(peer.duplicate.get(), std::as_bytes(std::span(&number, 1)));
          !done)
        complaint_ = why_not("write", done.error());
    turn();
  }

  void turn() {
    if (const auto done = loop_->run_once(Duration::zero()); !done)
      complaint_ = why_not("a turn", done.error());
  }

  // In the midst of a batch; the duplicates' events come later, and of the first peer once more.
  void replace_all_but(Peer& first) {
    if (std::exchange(is_replaced_, true)) return;
    for (std::size_t i = 0; i < descriptors; ++i)
      if (&peers_[i] != &first) replace(peers_[i], newcomers_[i]);
  }

  void replace(Peer& gone, Newcomer& newcomer) {
    const int number = gone.fd.get();
    gone.fd.reset();
    loop_->forget(gone.token);
    gone.is_registered = false;
    auto fd = own(kernel_, kernel_.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!fd) {
      complaint_ = why_not("eventfd", fd.error());
      return;
    }
    if (fd->get() == number) ++reused_;
    const auto token = add(*fd, newcomer);
    if (!token) {
      complaint_ = why_not("registration", token.error());
      return;
    }
    newcomer.fd = std::move(*fd);
    newcomer.token = *token;
    newcomer.is_registered = true;
  }

  Result<Token> add(const Fd& fd, Source& source) {
    return loop_->add(fd.get(), Ready::read, {.trigger = Trigger::edge}, source, "storm");
  }

  void clear() {
    const auto end = [this](auto& one) {
      if (std::exchange(one.is_registered, false)) loop_->remove(one.token);
      one.fd.reset();
    };
    for (Peer& peer : peers_) {
      end(peer);
      peer.duplicate.reset();
    }
    for (Newcomer& newcomer : newcomers_) end(newcomer);
  }

  Kernel& kernel_;
  std::unique_ptr<Loop> loop_;
  std::array<Peer, descriptors> peers_;
  std::array<Newcomer, descriptors> newcomers_;
  bool is_replaced_ = false;
  std::uint64_t wrong_ = 0;
  std::uint64_t reused_ = 0;
  std::string complaint_;
};

}  // namespace

Plan plan_stale_events(const Settings& settings) {
  const auto row = [](std::string name, std::string unit, std::optional<double> most = {}) {
    return Row{.group = "stale events: n ready at once; dup, close, reuse of the number",
               .name = std::move(name),
               .n = Storm::descriptors,
               .unit = std::move(unit),
               .most = most};
  };
  Plan plan;
  plan.push_back({.rows = {row("an event, with its close and reuse", "ns"),
                           row("events that were stale, and dropped", "%"),
                           row("events that reached somebody else", "", 0)},
                  .begin = [&kernel = settings.kernel](const Pace& pace) -> Outcome<Sampler> {
                    auto loop = make_loop();
                    if (!loop) return std::unexpected(loop.error());
                    return [pace, storm = std::make_unique<Storm>(kernel, std::move(*loop))] {
                      return storm->sample(pace);
                    };
                  }});
  return plan;
}

}  // namespace tocsin::bench
