// SPDX-License-Identifier: MIT
#include <signal.h>
#include <string.h>

#include <charconv>
#include <memory>

#include <fmt/core.h>

#include "cli/watch_kind.hpp"
#include "cli/watch_words.hpp"
#include "tocsin/source/signals.hpp"
#include "tocsin/source/ticker.hpp"

namespace tocsin::cli {
namespace {

// ---- timers -------------------------------------------------------------------------------------

Task<Result<>> watch_timer(WatchReport& report, std::unique_ptr<Ticker> ticker, std::string what) {
  std::uint64_t count = 0;
  while (auto ticks = co_await ticker->next()) {
    count += *ticks;
    co_await report.tell(WatchEvent(what, "tick")
                             .with("count", std::to_string(count))
                             .with("missed", std::to_string(*ticks - 1)));
  }
  co_return {};
}

WatchComplaint start_timer(WatchWorld& world, const Watched& watched) {
  const auto period = parse_duration(watched.rest);
  if (!period) return "give a period: timer:5s, timer:100ms, timer:1.5h";
  world.scope.spawn(
      watch_timer(world.report, std::make_unique<Ticker>(world.loop, *period), watched.text));
  return {};
}

// ---- signals ------------------------------------------------------------------------------------

// "HUP", "SIGHUP", "1", "RTMIN+2"; 0 if it is none.
int parse_signal(std::string_view text) {
  if (text.starts_with("SIG")) text.remove_prefix(3);
  int number = 0;
  const auto parse = [&](std::string_view digits) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return error == std::errc{} && end == digits.data() + digits.size();
  };
  if (text == "RTMIN") return SIGRTMIN;
  if (text.starts_with("RTMIN+") && parse(text.substr(6)))
    return number >= 0 && number <= SIGRTMAX - SIGRTMIN ? SIGRTMIN + number : 0;
  if (parse(text)) return number >= 1 && number <= SIGRTMAX ? number : 0;
  for (int candidate = 1; candidate < SIGRTMIN; ++candidate)
    if (const char* const name = ::sigabbrev_np(candidate); name != nullptr && text == name)
      return candidate;
  return 0;
}

WatchEvent event_of(const SignalInfo& signal, const std::string& what) {
  const char* const name = ::sigabbrev_np(signal.number);
  return WatchEvent(what, "signal")
      .with("signal", name != nullptr ? name : std::to_string(signal.number))
      .with("pid", std::to_string(signal.pid))
      .with("uid", std::to_string(signal.uid))
      .with("value", std::to_string(signal.value));
}

Task<Result<>> watch_signal(WatchReport& report, Signals signals, std::string what) {
  while (auto signal = co_await signals.next()) co_await report.tell(event_of(*signal, what));
  co_return {};
}

WatchComplaint start_signal(WatchWorld& world, const Watched& watched) {
  const int number = parse_signal(watched.rest);
  if (number == 0) return "give a signal: signal:HUP, signal:USR1, signal:RTMIN+1";
  if (number == SIGINT || number == SIGTERM) return "INT and TERM end the watching; take another";
  if (number == SIGKILL || number == SIGSTOP)
    return "KILL and STOP cannot be waited for (signal(7)); take another";
  auto signals = Signals::create(world.loop, {number});
  if (!signals) return fmt::format("no signals: {}", signals.error().message());
  world.scope.spawn(watch_signal(world.report, std::move(*signals), watched.text));
  return {};
}

}  // namespace

std::vector<WatchKind> time_watch_kinds() {
  return {
      {"timer", "timer:PERIOD", "a tick every 5s, 100ms, 1.5h", start_timer},
      {"signal", "signal:NAME", "HUP, USR1, RTMIN+1, ... and who sent it", start_signal},
  };
}

}  // namespace tocsin::cli
