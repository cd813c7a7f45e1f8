// SPDX-License-Identifier: MIT
#include "tocsin/net/internal/inbox.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>

#include <cstdint>
#include <span>
#include <utility>

namespace tocsin {

Result<std::shared_ptr<Inbox>> Inbox::create(Kernel& kernel) {
  auto readable = own(kernel, kernel.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!readable) return std::unexpected(readable.error());
  auto writable = own(kernel, kernel.fcntl(readable->get(), F_DUPFD_CLOEXEC, 0));
  if (!writable) return std::unexpected(writable.error());
  return std::shared_ptr<Inbox>(new Inbox(kernel, std::move(*readable), std::move(*writable)));
}

bool Inbox::push(Fd& connection) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    was_empty = connections_.empty();
    connections_.push_back(std::move(connection));
  }
  if (!was_empty) return true;  // Whoever takes them has not seen the end yet.
  const std::uint64_t one = 1;
  // Of 2^64 connections the counter holds all but one.
  static_cast<void>(kernel_.write(writable_.get(), std::as_bytes(std::span(&one, 1))));
  return true;
}

Fd Inbox::pop() {
  const std::lock_guard lock(mutex_);
  if (connections_.empty()) return {};
  Fd first = std::move(connections_.front());
  connections_.pop_front();
  return first;
}

void Inbox::close() {
  std::deque<Fd> left;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  left.swap(connections_);
}

}  // namespace tocsin
