// SPDX-License-Identifier: MIT
//
// sleep_until: how a call blocks: read(2) on an empty pipe, accept(2), a full mq_send(3).
//
//     call ──> [ sleep_until ] ──> WaitQueue ... wake ──> condition ──> call goes on
//
// Whoever blocks in a call is an exclusive entry at the tail of the object's queue in most kinds
// (pipes, sockets), a non-exclusive one at the head in others (eventfd, timerfd, signalfd,
// inotify): the table of kernel behaviour decides, and the caller says which.
//
// Thread rule: as the policy.
#pragma once

#include <mutex>
#include <optional>

#include "tocsin/base/time.hpp"
#include "tocsin/vkern/wait_queue.hpp"
#include "tocsin/vkern/world.hpp"

namespace tocsin::vkern {

/// How a sleeper stands in its queue.
enum class Queued { exclusive, shared };

namespace internal {

template <class P>
class BlockedCall final : public WaitEntry {
 public:
  BlockedCall(typename P::World& world, Queued queued) : parker_(world), queued_(queued) {}
  // Still linked only if its thread is ended in its sleep, which happens where there are no locks.
  ~BlockedCall() { this->unlink(); }
  Woke woken(Mask) override {
    this->unlink();
    parker_.wake();
    return queued_ == Queued::exclusive ? Woke::somebody : Woke::nobody;
  }
  bool park(std::optional<TimePoint> deadline) { return parker_.park(deadline); }

 private:
  typename P::Parker parker_;
  Queued queued_;
};

}  // namespace internal

/// Waits until `condition()` holds, which is asked under `lock`, the lock of the object `queue`
/// belongs to; it is held on return, and released while the caller sleeps. False if `deadline`
/// (nullopt: none) passed first.
template <class P, class Condition>
bool sleep_until(typename P::World& world, WaitQueue& queue,
                 std::unique_lock<typename P::Lock>& lock, Queued queued,
                 std::optional<TimePoint> deadline, Condition condition) {
  while (!condition()) {
    internal::BlockedCall<P> sleeper(world, queued);
    if (queued == Queued::exclusive)
      queue.add_exclusive(sleeper);
    else
      queue.add(sleeper);
    lock.unlock();
    const bool woken = sleeper.park(deadline);
    lock.lock();
    sleeper.unlink();
    if (!woken) return condition();
  }
  return true;
}

}  // namespace tocsin::vkern
