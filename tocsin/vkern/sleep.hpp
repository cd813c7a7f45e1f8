// SPDX-License-Identifier: MIT
//
// sleep_until: how a call blocks: read(2) on an empty pipe, accept(2), a full mq_send(3).
//
//     call ──> [ sleep_until ] ──> WaitQueue ... wake ──> condition ──> call goes on
//
// Whoever blocks in a call is an exclusive entry at the tail of the object's queue in most kinds
// (pipes, what connects sockets), a non-exclusive one in others, and that at the head or at the
// tail: the caller says which, as Linux decided. It shows in who of several gets what there is.
//
// Thread rule: as the policy.
#pragma once

#include <sys/epoll.h>

#include <mutex>
#include <optional>

#include "tocsin/base/time.hpp"
#include "tocsin/vkern/wait_queue.hpp"
#include "tocsin/vkern/world.hpp"

namespace tocsin::vkern {

/// How a sleeper stands in its queue. It leaves it when it is woken, and if what woke it is gone by
/// then, it comes again and is the last, or at the head the first; but for one that stays.
enum class Queued {
  exclusive,    // At the tail; one is woken at a time.
  shared,       // At the head.
  shared_last,  // At the tail, behind exclusive ones that came before.
  staying,      // At the head, and there until the call returns.
};

/// Of what a sleeper is told: some are woken by certain keys only, and by 0.
inline constexpr Mask by_anything = ~Mask{0};
/// Who waits for a datagram or a connection of a UNIX socket, or for one of UDP.
inline constexpr Mask by_arrivals = EPOLLIN | EPOLLERR;

namespace internal {

template <class P>
class BlockedCall final : public WaitEntry {
 public:
  BlockedCall(typename P::World& world, Queued queued, Mask wanted)
      : parker_(world), queued_(queued), wanted_(wanted) {}
  // Still linked only if its thread is ended in its sleep, which happens where there are no locks.
  ~BlockedCall() { this->unlink(); }
  Woke woken(Mask key) override {
    if (key != 0 && (key & wanted_) == 0) return Woke::nobody;
    if (queued_ != Queued::staying) this->unlink();
    parker_.wake();
    return queued_ == Queued::exclusive ? Woke::somebody : Woke::nobody;
  }
  /// Unless it is there.
  void enter(WaitQueue& queue) {
    if (this->is_linked()) return;
    if (queued_ == Queued::exclusive || queued_ == Queued::shared_last)
      queue.add_last(*this);
    else
      queue.add(*this);
  }
  bool park(std::optional<TimePoint> deadline) { return parker_.park(deadline); }

 private:
  typename P::Parker parker_;
  Queued queued_;
  Mask wanted_;
};

}  // namespace internal

/// Waits until `condition()` holds, which is asked under `lock`, the lock of the object `queue`
/// belongs to; it is held on return, and released while the caller sleeps. False if `deadline`
/// (nullopt: none) passed first.
template <class P, class Condition>
bool sleep_until(typename P::World& world, WaitQueue& queue,
                 std::unique_lock<typename P::Lock>& lock, Queued queued,
                 std::optional<TimePoint> deadline, Condition condition,
                 Mask wanted = by_anything) {
  if (condition()) return true;
  internal::BlockedCall<P> sleeper(world, queued, wanted);
  bool holds = false;
  for (bool woken = true; woken && !holds; holds = condition()) {
    sleeper.enter(queue);
    lock.unlock();
    woken = sleeper.park(deadline);
    lock.lock();
    if (queued != Queued::staying) sleeper.unlink();
  }
  sleeper.unlink();
  return holds;
}

}  // namespace tocsin::vkern
