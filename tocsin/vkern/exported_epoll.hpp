// SPDX-License-Identifier: MIT
//
// ExportedEpoll: an epoll of this kernel as a descriptor of another: of Linux, for its loops.
//
//     Queue ──> EpollHandle ──first wake-up──> [ ExportedEpoll ] ──write──> eventfd ──> real epoll
//
// The descriptor is readable while there may be something to harvest. It is written when the epoll
// becomes ready, and not again before a harvest has found nothing: of a thousand events one pays
// for a system call, and one more call, a read, when all are harvested. So:
// * Watched level-triggered, as a Loop does by default, one `harvest` a wake-up is enough.
// * Watched edge-triggered, harvest until it answers 0: only that arms it again.
//
// It is armed first and looked at after, so that nothing can happen unseen in between. A harvest
// may find nothing: what woke the epoll can be gone again, as with any epoll.
//
// Ownership: it owns the descriptor, and keeps the epoll open; `host` must outlive it.
// Thread rule: `harvest` one thread at a time; everybody else does what they like with the epoll,
// waiting in it included. With Single all of it is one thread's.
#pragma once

#include <atomic>
#include <memory>
#include <span>

#include "tocsin/kern/fd.hpp"
#include "tocsin/vkern/handles.hpp"

namespace tocsin::vkern {

template <class P>
class ExportedEpoll {
 public:
  /// `host` is where the descriptor is made: LinuxKernel::shared(). Fails as eventfd(2) does there:
  /// EMFILE, ENFILE, ENOMEM.
  static Result<std::unique_ptr<ExportedEpoll>> create(const EpollHandle<P>& epoll, Kernel& host);
  ExportedEpoll(const ExportedEpoll&) = delete;
  ExportedEpoll& operator=(const ExportedEpoll&) = delete;
  ~ExportedEpoll();

  /// To be waited for, EPOLLIN, by `host`. Nobody reads or writes it.
  int fd() const { return fd_.get(); }

  /// epoll_wait(2) with no timeout. When it answers 0 the descriptor is no longer readable, unless
  /// something has happened since. EINVAL if there is no room for one; then nothing has changed.
  Count harvest(std::span<epoll_event> events);

 private:
  class Bell;

  ExportedEpoll(const EpollHandle<P>& epoll, Kernel& host, Fd fd);
  void ring();
  Count look(std::span<epoll_event> events);

  Open<P> open_;
  Kernel& host_;
  Fd fd_;
  std::atomic<bool> armed_ = true;  // Whether the next wake-up is to write.
  std::unique_ptr<Bell> bell_;
};

}  // namespace tocsin::vkern
