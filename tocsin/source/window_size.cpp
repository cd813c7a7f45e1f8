// SPDX-License-Identifier: MIT
#include "tocsin/source/window_size.hpp"

#include <signal.h>
#include <sys/ioctl.h>

namespace tocsin {

Result<WindowSize> window_size(Kernel& kernel, int fd) {
  winsize size{};
  if (auto done = kernel.ioctl(fd, TIOCGWINSZ, &size); !done) return std::unexpected(done.error());
  return WindowSize{.rows = size.ws_row, .columns = size.ws_col};
}

Result<> set_window_size(Kernel& kernel, int fd, WindowSize size) {
  winsize wanted{};
  wanted.ws_row = size.rows;
  wanted.ws_col = size.columns;
  if (auto done = kernel.ioctl(fd, TIOCSWINSZ, &wanted); !done)
    return std::unexpected(done.error());
  return {};
}

Result<WindowChanges> WindowChanges::create(Loop& loop, int fd, std::source_location where) {
  if (auto size = window_size(loop.kernel(), fd); !size) return std::unexpected(size.error());
  auto signals = Signals::create(loop, {SIGWINCH}, where);
  if (!signals) return std::unexpected(signals.error());
  return WindowChanges(loop.kernel(), fd, std::move(*signals));
}

Task<Result<WindowSize>> WindowChanges::next() {
  const auto signal = co_await signals_.next();
  if (!signal) co_return std::unexpected(signal.error());
  co_return window_size(*kernel_, fd_);
}

}  // namespace tocsin
