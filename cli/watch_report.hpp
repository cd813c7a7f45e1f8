// SPDX-License-Identifier: MIT
//
// WatchReport: what is done with an event: a line, a command, and perhaps the end.
//
//     a watcher (watch_kind.hpp) ──> [ WatchReport::tell ] ──> stdout, --exec, --count
//
// Events are told one after the other, in the order in which they were seen; while a command runs
// the next ones wait where they come from.
//
// Ownership: a command that runs when the watchers are cancelled is killed. Thread rule: the loop's
// thread.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "tocsin/loop/loop.hpp"
#include "tocsin/task/scope.hpp"
#include "tocsin/task/semaphore.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin::cli {

/// One event, as words: `WatchEvent(what, "tick").with("count", "1")`.
struct WatchEvent {
  WatchEvent(std::string watched, std::string name)
      : what(std::move(watched)), event(std::move(name)) {}
  // (A list of pairs in a co_await expression is what g++ 12 cannot compile.)
  WatchEvent&& with(std::string name, std::string value) && {
    fields.emplace_back(std::move(name), std::move(value));
    return std::move(*this);
  }

  std::string what;                                         // As the user wrote it: file:/etc
  std::string event;                                        // created, tick, connected, ...
  std::vector<std::pair<std::string, std::string>> fields;  // path=/etc/motd, in this order.
};

/// How events are told, and how many.
struct WatchStyle {
  bool json = false;
  std::string command;      // Run by sh(1) for every event; none: "".
  std::uint64_t count = 0;  // Ends after so many; 0: never.
};

class WatchReport {
 public:
  enum class End : std::uint8_t {
    none,
    counted,
    closed,    // Whoever read has gone.
    unwritten  // An event could not be written: a full disk, perhaps. It was said on `err`.
  };

  /// `out` and `err` stay the caller's.
  WatchReport(const WatchStyle& style, std::FILE* out, std::FILE* err, Loop& loop)
      : style_(style), out_(out), err_(err), loop_(loop) {}

  /// When the report ends it cancels `watchers`, in which `tell` is called: declared later than the
  /// report, for they refer to it.
  void cancel_at_end(Scope& watchers) { watchers_ = &watchers; }

  /// Tells `event`. After the end nothing more is told.
  Task<> tell(WatchEvent event);

  /// Whoever reads the output has gone.
  void closed() { end(End::closed); }
  End how_it_ended() const { return ended_; }

 private:
  void print(const WatchEvent& event);
  Task<> execute(const WatchEvent& event);
  void end(End how);

  const WatchStyle& style_;
  std::FILE* out_;
  std::FILE* err_;
  Loop& loop_;
  Scope* watchers_ = nullptr;
  Semaphore one_at_a_time_{1};
  std::uint64_t told_ = 0;
  End ended_ = End::none;
};

/// `text` so that it stays one word on one line: quoted, and escaped as in JSON, if it has blanks,
/// quotes or bytes that cannot be shown; as it is otherwise.
std::string one_word(std::string_view text);

}  // namespace tocsin::cli
