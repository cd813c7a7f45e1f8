// SPDX-License-Identifier: MIT
//
// TerminalMode: a terminal that gives keys instead of lines, until this object ends.
//
//     TerminalMode::create ──> tcsetattr(3) ──> Input, Keys ──> ~TerminalMode: as it was before
//
// A terminal's settings belong to the terminal, and outlast the program: one that is killed in the
// middle leaves a shell behind in which nothing that is typed can be seen. Whatever ends the body
// of `run` (it returns, throws, is cancelled by SIGINT or SIGTERM) destroys this, and the settings
// are as before. For what destroys nothing (SIGKILL, a crash, exit(3) in the middle) there is a
// guardian: a process that waits for the end of this one, and puts the settings back if they are
// still those that were made here. It is a shell: sh(1) and stty(1), some hundred kilobytes.
//
// Not covered: SIGSTOP leaves the terminal as it is while the program is stopped (shells put it
// right), and SIGCONT does not bring the mode back.
//
// Ownership: it owns the mode and its guardian; the descriptor stays the caller's, and open. Thread
// rule: the loop's thread.
#pragma once

#include <termios.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <utility>

#include "tocsin/source/child.hpp"

namespace tocsin {

struct TerminalModeOptions {
  enum Mode : std::uint8_t {
    keys,  // Each key at once, none is shown; Ctrl-C and the like are signals still.
    raw,   // cfmakeraw(3): Ctrl-C is a key, and "\n" written only moves down.
  };
  Mode mode = Mode::keys;
  bool guardian = true;
};

class TerminalMode {
 public:
  /// Sets the mode of the terminal `fd`. Fails with ENOTTY for what is no terminal, with EIO if it
  /// has hung up; if there is no shell for the guardian as Child::spawn, with ENOENT as a rule: ask
  /// for none then. After a failure the terminal is as before.
  static Result<TerminalMode> create(Loop& loop, int fd, const TerminalModeOptions& options = {},
                                     std::source_location where = std::source_location::current());

  TerminalMode(TerminalMode&& other) noexcept;
  TerminalMode& operator=(TerminalMode&&) = delete;
  /// Sets what was set before, with TCSANOW: nothing is waited for, and nothing typed is lost.
  ~TerminalMode();

 private:
  TerminalMode(Kernel& kernel, int fd, const termios& before)
      : kernel_(&kernel), fd_(fd), before_(before) {}

  Kernel* kernel_;  // Null once moved from.
  int fd_;
  termios before_;
  std::optional<Child> guardian_;  // Ends last, killed: its work is done.
};

}  // namespace tocsin
