// SPDX-License-Identifier: MIT
#include "tocsin/vkern/signalfd.hpp"

#include <sys/epoll.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/sleep.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected invalid{Errno::invalid};

}  // namespace

template <class P>
SignalFd<P>::SignalFd(Process<P>& maker, SignalSet mask)
    : Object<P>(maker.system().process_lock()), maker_(maker), mask_(mask) {}

template <class P>
void SignalFd<P>::set_mask(Process<P>& process, SignalSet mask) {
  const std::lock_guard lock(this->lock());
  mask_ = mask;
  process.state().signal_queue.wake(0);
}

template <class P>
Mask SignalFd<P>::poll(Description<P>&, PollTable* table, Mask) {
  const std::lock_guard lock(this->lock());
  if (table != nullptr) table->enter(maker_.state().signal_queue);
  return maker_.state().pending.any(mask_) ? Mask{EPOLLIN} : Mask{0};
}

template <class P>
Count SignalFd<P>::read(Process<P>& process, Description<P>& description, MutableBytes into) {
  if (into.size() < sizeof(signalfd_siginfo)) return invalid;
  if (into.data() == nullptr) return std::unexpected(Errno{EFAULT});
  auto& state = process.state();
  std::unique_lock lock(this->lock());
  if (!state.pending.any(mask_)) {
    if (description.is_nonblocking()) return std::unexpected(Errno::again);
    sleep_until<P>(process.world(), state.signal_queue, lock, Queued::staying, std::nullopt,
                   [&] { return state.pending.any(mask_); });
  }
  std::size_t filled = 0;
  while (into.size() - filled >= sizeof(signalfd_siginfo)) {
    const auto taken = state.pending.take(mask_);
    if (!taken) break;
    const signalfd_siginfo info = to_signalfd_siginfo(*taken);
    std::memcpy(into.data() + filled, &info, sizeof info);
    filled += sizeof info;
  }
  return filled;
}

template <class P>
std::string SignalFd<P>::fdinfo() const {
  const std::lock_guard lock(this->lock());
  char line[32];
  std::snprintf(line, sizeof line, "sigmask:\t%016" PRIx64 "\n", mask_);
  return line;
}

template class SignalFd<Single>;
template class SignalFd<Threads>;

// ---- signalfd(2) --------------------------------------------------------------------------------

template <class P>
Result<int> Process<P>::signalfd(int fd, const sigset_t& mask, int flags) {
  if ((flags & ~(SFD_CLOEXEC | SFD_NONBLOCK)) != 0) return invalid;
  const SignalSet wanted = from_sigset(mask) & ~unblockable;
  if (fd == -1)
    return install(
        open_new<P>(make_ref<SignalFd<P>>(*this, wanted), O_RDWR | (flags & SFD_NONBLOCK)),
        (flags & SFD_CLOEXEC) != 0);
  const auto open = get(fd);
  if (!open) return std::unexpected(open.error());
  auto* const signals = dynamic_cast<SignalFd<P>*>(&(*open)->object());
  if (signals == nullptr) return invalid;
  signals->set_mask(*this, wanted);
  return fd;
}

template Result<int> Process<Single>::signalfd(int, const sigset_t&, int);
template Result<int> Process<Threads>::signalfd(int, const sigset_t&, int);

}  // namespace tocsin::vkern
