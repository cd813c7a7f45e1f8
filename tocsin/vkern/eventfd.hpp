// SPDX-License-Identifier: MIT
//
// EventFd: a counter that can be waited for (eventfd(2)).
//
//     write: adds ──> [ counter ] ──> read: takes all, or one (EFD_SEMAPHORE)
//
// One queue for both directions: a write tells EPOLLIN, a read that took something EPOLLOUT; even a
// write of 0 tells.
//
// Ownership and thread rule: as Object.
#pragma once

#include <cstdint>

#include "tocsin/vkern/description.hpp"

namespace tocsin::vkern {

template <class P>
class EventFd final : public Object<P> {
 public:
  EventFd(std::uint64_t initial, bool is_semaphore)
      : count_(initial), is_semaphore_(is_semaphore) {}
  ~EventFd() override = default;

  /// A new one, open: eventfd(2). EINVAL for other flags than EFD_CLOEXEC, EFD_NONBLOCK and
  /// EFD_SEMAPHORE.
  static Result<Open<P>> open(unsigned initial, int flags);

  Mask poll(Description<P>& description, PollTable* table, Mask requested) override;
  Count read(Process<P>& process, Description<P>& description, MutableBytes into) override;
  Count write(Process<P>& process, Description<P>& description, ByteView bytes) override;
  bool writes_pieces() const override { return true; }
  std::string fdinfo() const override;

 private:
  WaitQueue queue_;
  std::uint64_t count_;
  bool is_semaphore_;
};

}  // namespace tocsin::vkern
