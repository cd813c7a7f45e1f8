// SPDX-License-Identifier: MIT
#include "tocsin/vkern/eventfd.hpp"

#include <sys/eventfd.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <limits>

#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/sleep.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

}  // namespace

template <class P>
Mask EventFd<P>::poll(Description<P>&, PollTable* table, Mask) {
  const std::lock_guard lock(this->lock());
  if (table != nullptr) table->enter(queue_);
  Mask ready = 0;
  if (count_ > 0) ready |= EPOLLIN;
  if (count_ == most) ready |= EPOLLERR;
  if (count_ < most - 1) ready |= EPOLLOUT;
  return ready;
}

template <class P>
Count EventFd<P>::read(Process<P>& process, Description<P>& description, MutableBytes into) {
  if (into.size() < sizeof count_) return std::unexpected(Errno::invalid);
  std::unique_lock lock(this->lock());
  if (count_ == 0) {
    if (description.is_nonblocking()) return std::unexpected(Errno::again);
    sleep_until<P>(process.world(), queue_, lock, Queued::shared_last, std::nullopt,
                   [this] { return count_ > 0; });
  }
  const std::uint64_t taken = is_semaphore_ ? 1 : count_;
  count_ -= taken;
  queue_.wake(EPOLLOUT);
  lock.unlock();
  std::memcpy(into.data(), &taken, sizeof taken);
  return sizeof taken;
}

template <class P>
Count EventFd<P>::write(Process<P>& process, Description<P>& description, ByteView bytes) {
  std::uint64_t added = 0;
  if (bytes.size() != sizeof added) return std::unexpected(Errno::invalid);
  std::memcpy(&added, bytes.data(), sizeof added);
  if (added == most) return std::unexpected(Errno::invalid);
  std::unique_lock lock(this->lock());
  if (most - count_ <= added) {
    if (description.is_nonblocking()) return std::unexpected(Errno::again);
    sleep_until<P>(process.world(), queue_, lock, Queued::shared_last, std::nullopt,
                   [this, added] { return most - count_ > added; });
  }
  count_ += added;
  queue_.wake(EPOLLIN);
  return sizeof added;
}

template <class P>
std::string EventFd<P>::fdinfo() const {
  const std::lock_guard lock(this->lock());
  char line[96];
  std::snprintf(line, sizeof line, "eventfd-count: %16" PRIx64 "\neventfd-semaphore: %d\n", count_,
                is_semaphore_ ? 1 : 0);
  return line;
}

template <class P>
Result<Open<P>> EventFd<P>::open(unsigned initial, int flags) {
  if ((flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) != 0)
    return std::unexpected(Errno::invalid);
  return open_new<P>(make_ref<EventFd>(initial, (flags & EFD_SEMAPHORE) != 0),
                     O_RDWR | (flags & EFD_NONBLOCK));
}

template class EventFd<Single>;
template class EventFd<Threads>;

// ---- eventfd(2) ---------------------------------------------------------------------------------

template <class P>
Result<int> Process<P>::eventfd(unsigned initial, int flags) {
  auto open = EventFd<P>::open(initial, flags);
  if (!open) return std::unexpected(open.error());
  return install(std::move(*open), (flags & EFD_CLOEXEC) != 0);
}

template Result<int> Process<Single>::eventfd(unsigned, int);
template Result<int> Process<Threads>::eventfd(unsigned, int);

}  // namespace tocsin::vkern
