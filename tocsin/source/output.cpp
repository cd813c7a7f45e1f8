// SPDX-License-Identifier: MIT
#include "tocsin/source/output.hpp"

namespace tocsin {

Result<Output> Output::of(Result<internal::SharedFd> fd) {
  if (!fd) return std::unexpected(fd.error());
  return Output(std::make_unique<internal::SharedFd>(std::move(*fd)));
}

Result<Output> Output::create(Loop& loop, int fd, std::source_location where) {
  return of(internal::SharedFd::create(loop, fd, Direction::write, "output", where));
}

Result<Output> Output::create(Loop& loop, Fd fd, std::source_location where) {
  return of(internal::SharedFd::adopt(loop, std::move(fd), "output", where));
}

}  // namespace tocsin
