// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <charconv>
#include <optional>

#include <fmt/core.h>

#include "cli/watch_kind.hpp"
#include "tocsin/source/keys.hpp"
#include "tocsin/source/process.hpp"
#include "tocsin/source/terminal_mode.hpp"

namespace tocsin::cli {
namespace {

// ---- processes ----------------------------------------------------------------------------------

Task<Result<>> watch_process(WatchReport& report, Process process, std::string what) {
  const auto ended = co_await process.ended();
  if (!ended) co_return ended;
  co_await report.tell(WatchEvent(what, "ended"));
  co_return {};
}

WatchComplaint start_process(WatchWorld& world, const Watched& watched) {
  const std::string& text = watched.rest;
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc{} || end != text.data() + text.size() || pid <= 0)
    return "give the number of a process: pid:1234";
  auto process = Process::open(world.loop, pid);
  if (!process && process.error() == Errno{ESRCH}) return "there is no such process";
  if (!process) return fmt::format("cannot be watched: {}", process.error().message());
  world.scope.spawn(watch_process(world.report, std::move(*process), watched.text));
  return {};
}

// ---- keys ---------------------------------------------------------------------------------------

// `mode` is kept for as long as keys are read; of an input that is no terminal there is none.
Task<Result<>> watch_keys(WatchReport& report, Loop& loop, std::optional<TerminalMode> mode,
                          Keys keys, std::string what) {
  Scope helpers(loop);
  if (mode) helpers.spawn(mode->follow_stops(loop));
  while (true) {
    const auto key = co_await keys.next();
    if (!key && key.error() == Errno{EPIPE}) co_return {};  // The input has ended.
    if (!key) co_return std::unexpected(key.error());
    co_await report.tell(WatchEvent(what, "key").with("key", to_string(*key)));
  }
}

WatchComplaint start_keys(WatchWorld& world, const Watched& watched) {
  auto input = Input::create(world.loop, STDIN_FILENO);
  if (!input) return fmt::format("no input: {}", input.error().message());
  std::optional<TerminalMode> mode;
  auto set = TerminalMode::create(world.loop, STDIN_FILENO);
  if (!set && set.error() != Errno{ENOTTY})
    return fmt::format("the terminal cannot be set: {}", set.error().message());
  if (set) mode.emplace(std::move(*set));
  world.scope.spawn(
      watch_keys(world.report, world.loop, std::move(mode), Keys(std::move(*input)), watched.text));
  return {};
}

}  // namespace

std::vector<WatchKind> process_watch_kinds() {
  return {
      {"pid", "pid:NUMBER", "the end of a process", start_process},
      {"key", "key", "keys pressed on the terminal", start_keys},
  };
}

}  // namespace tocsin::cli
