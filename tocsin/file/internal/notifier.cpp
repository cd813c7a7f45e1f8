// SPDX-License-Identifier: MIT
#include "tocsin/file/internal/notifier.hpp"

#include <sys/ioctl.h>

#include "tocsin/base/check.hpp"

namespace tocsin::internal {

std::uint64_t Notifier::horizon() const {
  int unread = 0;
  const auto done = kernel_.ioctl(fd_, FIONREAD, &unread);
  CHECK(done.has_value(), "inotify(7) and fanotify(7) know FIONREAD");
  return position_ + static_cast<std::uint64_t>(unread);
}

}  // namespace tocsin::internal
