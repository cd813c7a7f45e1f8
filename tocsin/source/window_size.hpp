// SPDX-License-Identifier: MIT
//
// WindowSize: how many characters a terminal shows, and when that changes.
//
//     SIGWINCH ──> Signals ──> [ WindowChanges ] ──> co_await changes.next()
//
// Thread rule: WindowSize is a value; WindowChanges is for the loop's thread.
#pragma once

#include <source_location>
#include <utility>

#include "tocsin/source/signals.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

struct WindowSize {
  unsigned short rows = 0;
  unsigned short columns = 0;

  bool operator==(const WindowSize&) const = default;
};

/// Of the terminal `fd` (ioctl_tty(2), TIOCGWINSZ). 0 by 0 if nobody has set it. Fails with ENOTTY
/// for what is no terminal.
Result<WindowSize> window_size(Kernel& kernel, int fd);

/// Sets it, of either side of a pseudoterminal; who is in the terminal's foreground gets SIGWINCH
/// if it has changed. Fails with ENOTTY for what is no terminal.
Result<> set_window_size(Kernel& kernel, int fd, WindowSize size);

/// Told of by SIGWINCH, which the kernel sends to the foreground of a terminal: so it is of use for
/// the controlling terminal.
class WindowChanges {
 public:
  /// Of the terminal `fd`, which stays the caller's and open. Fails with ENOTTY for what is no
  /// terminal, else as Signals::create.
  static Result<WindowChanges> create(Loop& loop, int fd,
                                      std::source_location where = std::source_location::current());

  /// Waits for a change, and gives the size there is then: of several quick ones the last. Fails as
  /// `window_size`, and with ECANCELED, after which nothing is lost. One at a time.
  Task<Result<WindowSize>> next();

 private:
  WindowChanges(Kernel& kernel, int fd, Signals signals)
      : kernel_(&kernel), fd_(fd), signals_(std::move(signals)) {}

  Kernel* kernel_;
  int fd_;
  Signals signals_;
};

}  // namespace tocsin
