// SPDX-License-Identifier: MIT
#include "tocsin/vkern/exported_epoll.hpp"

#include <sys/eventfd.h>

#include <array>
#include <mutex>
#include <utility>

#include "tocsin/base/check.hpp"
#include "tocsin/vkern/epoll.hpp"
#include "tocsin/vkern/world.hpp"

namespace tocsin::vkern {

// Waits for the epoll, as an outer epoll would. It writes under the epoll's lock as an object. That
// is the one system call under a lock in all of this kernel: it cannot block, and it is rare; to
// put it off until the lock is released would mean that the waker, whoever that is, must do it.
template <class P>
class ExportedEpoll<P>::Bell final : public WaitEntry, public PollTable {
 public:
  explicit Bell(ExportedEpoll& of) : exported_(of) {}
  void enter(WaitQueue& queue) override { queue.add(*this); }
  Woke woken(Mask) override {
    if (exported_.armed_.exchange(false)) exported_.ring();
    return Woke::nobody;
  }

 private:
  ExportedEpoll& exported_;
};

template <class P>
Result<std::unique_ptr<ExportedEpoll<P>>> ExportedEpoll<P>::create(const EpollHandle<P>& epoll,
                                                                   Kernel& host) {
  const auto made = host.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (!made) return std::unexpected(made.error());
  return std::unique_ptr<ExportedEpoll>(new ExportedEpoll(epoll, host, Fd(host, *made)));
}

template <class P>
ExportedEpoll<P>::ExportedEpoll(const EpollHandle<P>& epoll, Kernel& host, Fd fd)
    : open_(epoll.description()),
      host_(host),
      fd_(std::move(fd)),
      bell_(std::make_unique<Bell>(*this)) {
  const Mask ready = open_->poll(bell_.get(), EPOLLIN);
  if (ready != 0 && armed_.exchange(false)) ring();
}

template <class P>
ExportedEpoll<P>::~ExportedEpoll() {
  const std::lock_guard lock(open_->object().lock());
  bell_->unlink();
}

template <class P>
void ExportedEpoll<P>::ring() {
  const std::uint64_t one = 1;
  const Count done = host_.write(fd_.get(), std::as_bytes(std::span(&one, 1)));
  CHECK(done.has_value(), "an eventfd takes more than it is ever written here");
}

template <class P>
Count ExportedEpoll<P>::look(std::span<epoll_event> events) {
  return open_->object().as_epoll()->wait(events, at_once);
}

// The order of the last three steps is what matters, and that the look takes the lock of the list,
// which whoever wakes has taken before it asks whether this is armed. A wake-up before the
// descriptor is armed is seen by the look after it; one after that writes. One whose write comes
// late, after the read that was meant for it, makes for one harvest in vain, which reads it.
template <class P>
Count ExportedEpoll<P>::harvest(std::span<epoll_event> events) {
  if (events.empty()) return std::unexpected(Errno::invalid);
  if (const Count found = look(events); !found || *found > 0) return found;
  std::array<std::byte, sizeof(std::uint64_t)> count;
  static_cast<void>(host_.read(fd_.get(), count));  // EAGAIN: nobody has written.
  armed_.store(true);
  const Count found = look(events);
  // There may be more of it, for which nobody would write.
  if (found && *found > 0 && armed_.exchange(false)) ring();
  return found;
}

template class ExportedEpoll<Single>;
template class ExportedEpoll<Threads>;

}  // namespace tocsin::vkern
