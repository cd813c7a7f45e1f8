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
// Ctrl-Z stops a program in the middle, too, and a shell's `fg` does not bring the mode back:
// whoever wants both to go well spawns `follow_stops`. Of a SIGSTOP it can only make good the end.
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
#include "tocsin/task/task.hpp"

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

  /// A line of its own: puts the former settings back before SIGTSTP (Ctrl-Z) stops the program,
  /// and sets the mode again after SIGCONT. Both signals are taken over meanwhile, as by Signals.
  /// Where no shell could continue it, in an orphaned process group, nothing stops (signal(7)). It
  /// ends by being cancelled (ECANCELED), or fails as Signals::create; with EIO if the terminal has
  /// hung up. Once; this must outlive it and not be moved meanwhile.
  Task<Result<>> follow_stops(Loop& loop);

  /// Sets what was set before, with TCSANOW: nothing is waited for, and nothing typed is lost.
  ~TerminalMode();

 private:
  TerminalMode(Kernel& kernel, int fd, const termios& before, const termios& wanted)
      : kernel_(&kernel), fd_(fd), before_(before), wanted_(wanted) {}

  Kernel* kernel_;  // Null once moved from.
  int fd_;
  termios before_;
  termios wanted_;
  std::optional<Child> guardian_;  // Ends last, killed: its work is done.
};

}  // namespace tocsin
