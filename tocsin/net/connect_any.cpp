// SPDX-License-Identifier: MIT
#include "tocsin/net/connect_any.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "tocsin/task/scope.hpp"
#include "tocsin/task/timeout.hpp"

namespace tocsin {
namespace {

using Addresses = std::vector<Address>;

/// What the race waits for, one of three.
struct Happened {
  Addresses found;
  bool no_more = false;
  std::optional<Result<TcpStream>> ended;  // An attempt.
};

class Race {
 public:
  Race(Loop& loop, Channel<Addresses>& batches, const ConnectAnyOptions& options,
       const std::source_location& where)
      : loop_(loop), batches_(batches), options_(options), where_(where) {}

  Task<Result<TcpStream>> run() {
    Scope lines(loop_);  // The finder and the attempts; destroyed when one has won.
    lines.spawn(find());
    while (true) {
      if (!untried_.empty() && (running_ == 0 || loop_.now() >= next_start_)) {
        lines.spawn(attempt(take_next()));
        continue;
      }
      if (untried_.empty() && running_ == 0 && no_more_) co_return std::unexpected(failure_);
      const TimePoint until = untried_.empty() ? TimePoint::max() : next_start_;
      auto happened = co_await deadline(until, happened_.receive());
      if (!happened && happened.error() == Errno::timed_out) continue;
      if (!happened) co_return std::unexpected(happened.error());
      if (happened->ended && *happened->ended) co_return std::move(**happened->ended);
      note(std::move(*happened));
    }
  }

 private:
  Task<> find() {
    while (true) {
      auto batch = co_await batches_.receive();
      Happened told;
      if (batch)
        told.found = std::move(*batch);
      else
        told.no_more = true;
      const bool last = told.no_more;
      const auto sent = co_await happened_.send(std::move(told));
      if (last || !sent) co_return;
    }
  }

  Task<> attempt(Address address) {
    Happened told;
    told.ended = co_await TcpStream::connect(loop_, address, {}, where_);
    static_cast<void>(co_await happened_.send(std::move(told)));  // Fails if it is cancelled.
  }

  // The next of the family that was not tried last, if there is one (RFC 8305, section 4).
  Address take_next() {
    const auto other = std::ranges::find_if(
        untried_, [this](const Address& address) { return address.family() != last_family_; });
    const auto chosen = other == untried_.end() ? untried_.begin() : other;
    const Address address = *chosen;
    untried_.erase(chosen);
    last_family_ = address.family();
    next_start_ = saturating_add(loop_.now(), options_.attempt_delay);
    ++running_;
    return address;
  }

  void note(Happened happened) {
    untried_.insert(untried_.end(), happened.found.begin(), happened.found.end());
    no_more_ |= happened.no_more;
    if (!happened.ended) return;
    --running_;
    failure_ = happened.ended->error();
    next_start_ = loop_.now();  // Nobody waits for one that has failed.
  }

  Loop& loop_;
  Channel<Addresses>& batches_;
  const ConnectAnyOptions options_;
  const std::source_location where_;
  Channel<Happened> happened_{1};
  Addresses untried_;
  std::size_t running_ = 0;
  TimePoint next_start_{};
  sa_family_t last_family_ = AF_INET;  // So that IPv6 comes first.
  bool no_more_ = false;
  Errno failure_{EDESTADDRREQ};
};

}  // namespace

Task<Result<TcpStream>> connect_any(Loop& loop, Channel<std::vector<Address>>& batches,
                                    ConnectAnyOptions options, std::source_location where) {
  Race race(loop, batches, options, where);
  co_return co_await race.run();
}

Task<Result<TcpStream>> connect_any(Loop& loop, std::vector<Address> addresses,
                                    ConnectAnyOptions options, std::source_location where) {
  Channel<Addresses> batches(1);
  static_cast<void>(batches.try_send(std::move(addresses)));  // There is room.
  batches.close();
  Race race(loop, batches, options, where);
  co_return co_await race.run();
}

}  // namespace tocsin
