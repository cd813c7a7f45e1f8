// SPDX-License-Identifier: MIT
//
// Pty: a terminal for a program that wants one, and we are who sits in front of it (pty(7)).
//
//     co_await pty.write_all(keys) ──> [ Pty: master | slave ] ──> a shell, in its own session
//     co_await pty.read()          <──
//
// What the program prints comes as the terminal would show it: with "\r\n" for "\n", and with the
// echo of what was written here.
//
// Ownership: it owns the master. Destroying it hangs up: the program gets SIGHUP. It can be moved
// while somebody waits. The loop must outlive it. Thread rule: the loop's thread.
#pragma once

#include <memory>
#include <source_location>
#include <utility>

#include "tocsin/source/child.hpp"
#include "tocsin/source/internal/shared_fd.hpp"
#include "tocsin/source/window_size.hpp"

namespace tocsin {

class Pty {
 public:
  /// Fails as open(2) of /dev/ptmx: ENOENT where there is no /dev/pts, ENOSPC at the limit of
  /// kernel.pty.max, EMFILE, ENFILE.
  static Result<Pty> create(Loop& loop, WindowSize size = {.rows = 24, .columns = 80},
                            std::source_location where = std::source_location::current());

  /// Starts a program that has this for its terminal, as descriptors 0, 1 and 2 and as controlling
  /// terminal of a session of its own: `options` say the rest. Fails as Child::spawn, and as
  /// TIOCGPTPEER (ioctl_tty(2)): EIO if it is locked, ENOTTY before Linux 4.13.
  Result<Child> spawn(ChildOptions options,
                      std::source_location where = std::source_location::current());

  /// The other side, for whoever is no child: it blocks, and closes on exec. Close it here once
  /// somebody else has it; while anybody holds it, `read` does not come to an end.
  Result<Fd> open_terminal();

  /// Reads what the other side has printed: a Buffer, lent until it is destroyed, that is empty
  /// once all who had it open have closed it. Fails with ECANCELED, after which nothing has been
  /// taken. One at a time.
  SharedRead read() { return SharedRead(*fd_); }

  /// Writes all of `bytes`, as if they were typed; they stay the caller's and unchanged until it
  /// has ended. Waits while the other side reads nothing. Fails with EIO, ECANCELED; after a
  /// failure an unknown part has been written. One at a time.
  SharedWrite write_all(ByteView bytes) { return {*fd_, bytes}; }

  Result<> resize(WindowSize size) { return set_window_size(fd_->kernel(), fd(), size); }

  /// The master, for what is not offered here. It stays the Pty's, and non-blocking. Settings
  /// (tcsetattr(3)) with TCSANOW only: TCSADRAIN waits for this side to read, which would be us.
  int fd() const { return fd_->source().fd(); }

 private:
  explicit Pty(std::unique_ptr<internal::SharedFd> fd) : fd_(std::move(fd)) {}

  std::unique_ptr<internal::SharedFd> fd_;
};

}  // namespace tocsin
