// SPDX-License-Identifier: MIT
#include "tocsin/source/foreign_fds.hpp"

#include <time.h>

#include "tocsin/base/check.hpp"

namespace tocsin {

ForeignFds::~ForeignFds() {
  for (auto& [fd, known] : fds_) loop_.forget(known.token);
}

// The file that was known by this number may have been closed without a word, and this be another
// one: then epoll_ctl(2) has nothing to modify (ENOENT), and it is registered anew.
Result<> ForeignFds::watch(int fd, Ready interest) {
  const auto [at, is_new] = fds_.try_emplace(fd, *this, fd);
  Registered& known = at->second;
  if (!is_new) {
    if (loop_.modify(known.token, interest, {})) return {};
    loop_.forget(known.token);
  }
  const auto token = loop_.add(fd, interest, {}, known, name_, where_);
  if (!token) {
    fds_.erase(at);
    return std::unexpected(token.error());
  }
  known.token = *token;
  return {};
}

void ForeignFds::unwatch(int fd) {
  const auto known = fds_.find(fd);
  if (known == fds_.end()) return;
  loop_.forget(known->second.token);
  fds_.erase(known);
}

// The loop's clock stands still during a turn, the library's does not, and it has measured by that:
// counted from the loop's, the time would be over too early for it.
void ForeignFds::call_after(Duration length) {
  const auto now = loop_.kernel().clock_gettime(CLOCK_MONOTONIC);
  CHECK(now.has_value(), "CLOCK_MONOTONIC cannot be missing (clock_gettime(2))");
  const TimePoint start{std::chrono::seconds{now->tv_sec} + Duration{now->tv_nsec}};
  call_at(saturating_add(start, length));
}

}  // namespace tocsin
