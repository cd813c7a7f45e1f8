// SPDX-License-Identifier: MIT
#include "tocsin/source/pty.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>

namespace tocsin {

Result<Pty> Pty::create(Loop& loop, WindowSize size, std::source_location where) {
  Kernel& kernel = loop.kernel();
  constexpr int flags = O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  auto master = own(kernel, kernel.openat(AT_FDCWD, "/dev/ptmx", flags, 0));
  if (!master) return std::unexpected(master.error());
  int locked = 0;
  if (auto done = kernel.ioctl(master->get(), TIOCSPTLCK, &locked); !done)
    return std::unexpected(done.error());
  if (auto done = set_window_size(kernel, master->get(), size); !done)
    return std::unexpected(done.error());
  auto fd = internal::SharedFd::adopt(loop, std::move(*master), "pty", where);
  if (!fd) return std::unexpected(fd.error());
  fd->end_is_eio();
  return Pty(std::make_unique<internal::SharedFd>(std::move(*fd)));
}

// By the master, not by its name: /dev/pts may be another's in here, or not there (ioctl_tty(2)).
Result<Fd> Pty::open_terminal() {
  constexpr std::uintptr_t flags =
      O_RDWR | O_NOCTTY | O_CLOEXEC;  // The argument itself is a number.
  return own(fd_->kernel(), fd_->kernel().ioctl(fd(), TIOCGPTPEER, reinterpret_cast<void*>(flags)));
}

Result<Child> Pty::spawn(ChildOptions options, std::source_location where) {
  const auto terminal = open_terminal();
  if (!terminal) return std::unexpected(terminal.error());
  options.fds.clear();
  for (const int to : {0, 1, 2}) options.fds.push_back(ChildFd::copy(to, terminal->get()));
  options.group = SpawnRequest::Group::session;
  options.terminal = 0;
  return Child::spawn(fd_->source().loop(), options, where);
}

}  // namespace tocsin
