// SPDX-License-Identifier: MIT
#include "tocsin/vkern/handles.hpp"

#include <climits>
#include <utility>

#include "tocsin/base/check.hpp"
#include "tocsin/vkern/epoll.hpp"
#include "tocsin/vkern/eventfd.hpp"
#include "tocsin/vkern/pipe.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected bad_descriptor{Errno{EBADF}};
constexpr std::unexpected invalid{Errno::invalid};

}  // namespace

// ---- handles ------------------------------------------------------------------------------------

template <class P>
Handle<P>::Handle(System<P>& system, Open<P> open)
    : system_(&system), open_(std::move(open)), number_(system.handle_numbers().take()) {
  CHECK(static_cast<bool>(open_), "a handle is of something");
}

template <class P>
Handle<P>::Handle(Handle&& other) noexcept
    : system_(other.system_),
      open_(std::move(other.open_)),
      number_(std::exchange(other.number_, -1)) {}

template <class P>
Handle<P>& Handle<P>::operator=(Handle&& other) noexcept {
  if (this == &other) return *this;
  close();
  system_ = other.system_;
  open_ = std::move(other.open_);
  number_ = std::exchange(other.number_, -1);
  return *this;
}

// The number is free only when no epoll knows it any more, or all that do know a duplicate as well.
template <class P>
void Handle<P>::close() {
  if (!open_) return;
  open_ = {};
  system_->handle_numbers().give_back(std::exchange(number_, -1));
}

template <class P>
Result<Handle<P>> Handle<P>::eventfd(System<P>& system, unsigned initial, int flags) {
  auto open = EventFd<P>::open(initial, flags);
  if (!open) return std::unexpected(open.error());
  return Handle(system, std::move(*open));
}

template <class P>
Result<std::array<Handle<P>, 2>> Handle<P>::pipe2(System<P>& system, int flags) {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) != 0) return invalid;
  auto [read_end, write_end] = Pipe<P>::open_both(system, flags);
  return std::array{Handle(system, std::move(read_end)), Handle(system, std::move(write_end))};
}

template <class P>
Result<Handle<P>> Handle<P>::of(Process<P>& process, int fd) {
  auto open = process.get(fd);
  if (!open) return std::unexpected(open.error());
  return Handle(process.system(), std::move(*open));
}

template <class P>
Description<P>& Handle<P>::description() const {
  CHECK(static_cast<bool>(open_), "the handle has ended, or was moved from");
  return *open_;
}

template <class P>
Handle<P> Handle<P>::duplicate() const {
  return Handle(*system_, Open<P>(description()));
}

template <class P>
Result<int> Handle<P>::install(Process<P>& process, bool close_on_exec) const {
  return process.install(Open<P>(description()), close_on_exec);
}

template <class P>
Count Handle<P>::read(MutableBytes into) const {
  Description<P>& described = description();
  if (!described.may_read()) return bad_descriptor;
  return described.object().read(system_->init(), described, into);
}

template <class P>
Count Handle<P>::write(ByteView bytes) const {
  Description<P>& described = description();
  if (!described.may_write()) return bad_descriptor;
  return described.object().write(system_->init(), described, bytes);
}

template <class P>
Mask Handle<P>::ready() const {
  return description().poll(nullptr, ~Mask{0});
}

// ---- epolls -------------------------------------------------------------------------------------

template <class P>
EpollHandle<P>::EpollHandle(System<P>& system)
    : Handle<P>(system, open_new<P>(make_ref<Epoll<P>>(system), O_RDWR)) {}

template <class P>
Epoll<P>& EpollHandle<P>::epoll() const {
  return static_cast<Epoll<P>&>(this->description().object());
}

// What Process::epoll_ctl refuses before it asks the epoll, as far as there is no descriptor in it.
template <class P>
Result<> EpollHandle<P>::control(int operation, const Handle<P>& target, epoll_event event) {
  Description<P>& described = target.description();
  if (!described.object().can_poll()) return std::unexpected(Errno::not_permitted);
  if (&described == &this->description()) return invalid;
  event.events &= ~static_cast<std::uint32_t>(EPOLLWAKEUP);
  return epoll().control(operation, target.number(), described, event);
}

template <class P>
Result<> EpollHandle<P>::add(const Handle<P>& target, std::uint32_t events, std::uint64_t data) {
  return control(EPOLL_CTL_ADD, target, {.events = events, .data = {.u64 = data}});
}

template <class P>
Result<> EpollHandle<P>::modify(const Handle<P>& target, std::uint32_t events, std::uint64_t data) {
  return control(EPOLL_CTL_MOD, target, {.events = events, .data = {.u64 = data}});
}

template <class P>
Result<> EpollHandle<P>::remove(const Handle<P>& target) {
  return control(EPOLL_CTL_DEL, target, {});
}

template <class P>
Count EpollHandle<P>::wait(std::span<epoll_event> events, std::optional<Duration> timeout) {
  if (events.empty() || events.size() > INT_MAX / sizeof(epoll_event)) return invalid;
  std::optional<TimePoint> deadline;
  if (timeout)
    deadline = *timeout <= Duration::zero()
                   ? at_once
                   : saturating_add(this->system().world().now(), *timeout);
  return epoll().wait(events, deadline);
}

template class Handle<Single>;
template class Handle<Threads>;
template class EpollHandle<Single>;
template class EpollHandle<Threads>;

}  // namespace tocsin::vkern
