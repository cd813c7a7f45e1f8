// SPDX-License-Identifier: MIT
#include "tocsin/vkern/pipe.hpp"

#include <sys/ioctl.h>

#include <bit>
#include <cstring>

#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/sleep.hpp"

namespace tocsin::vkern {
namespace {

constexpr Mask readable_bits = EPOLLIN | EPOLLRDNORM;
constexpr Mask writable_bits = EPOLLOUT | EPOLLWRNORM;

// pipe(7), "Pipe capacity" and "/proc files".
constexpr std::size_t usual_slots = 16;
constexpr std::size_t fewest_slots = 2;                 // Of whoever has too many pipes.
constexpr std::size_t most_slots_unprivileged = 256;    // pipe-max-size: 1 MiB.
constexpr std::size_t most_pages_unprivileged = 16384;  // pipe-user-pages-soft.
// A slot of Linux has 40 bytes, and kmalloc 4 MiB at most.
constexpr std::size_t most_slots = 65536;

constexpr std::unexpected bad_address{Errno{EFAULT}};

bool reads(int flags) { return (flags & O_ACCMODE) != O_WRONLY; }
bool writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY; }

// Whole pages, a power of two of them; none for what is too much.
std::optional<std::size_t> slots_of(unsigned bytes) {
  if (bytes > 1U << 31) return std::nullopt;
  if (bytes <= PipeBuffer::page_size) return 1;
  return std::bit_ceil(std::size_t{bytes}) / PipeBuffer::page_size;
}

}  // namespace

template <class P>
Pipe<P>::Pipe(System<P>& system) : system_(system), buffer_(usual_slots) {}

// ---- opening and closing ------------------------------------------------------------------------

template <class P>
bool Pipe<P>::may_have(std::size_t slots) const {
  if (system_.options().is_privileged) return true;
  return system_.pipe_pages() + slots <= most_pages_unprivileged;
}

// What Linux does when the first end is opened: it makes the pipe.
template <class P>
void Pipe<P>::begin() {
  buffer_.reset(may_have(usual_slots) ? usual_slots : fewest_slots);
  system_.pipe_pages() += buffer_.slots();
  ever_polled_ = false;
}

template <class P>
void Pipe<P>::end() {
  system_.pipe_pages() -= buffer_.slots();
  buffer_.reset(usual_slots);
}

// Whoever opens an end for which somebody may have waited tells all who wait to open. They wait
// among the readers, whichever end it is that they open.
template <class P>
void Pipe<P>::enter(int flags) {
  if (readers_ == 0 && writers_ == 0) begin();
  bool is_awaited = false;
  if (reads(flags)) {
    ++readers_ever_;
    is_awaited = readers_++ == 0;
  }
  if (writes(flags)) {
    ++writers_ever_;
    is_awaited = writers_++ == 0 || is_awaited;
  }
  if (is_awaited) readable_.wake_all(0);
}

template <class P>
std::array<Open<P>, 2> Pipe<P>::open_both(System<P>& system, int flags) {
  const auto pipe = make_ref<Pipe>(system);
  const int read_flags = O_RDONLY | (flags & O_NONBLOCK);
  const int write_flags = O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT));
  pipe->enter(read_flags);  // Nobody else knows it yet.
  pipe->enter(write_flags);
  return {open_new<P>(pipe, read_flags), open_new<P>(pipe, write_flags)};
}

template <class P>
Result<Open<P>> Pipe<P>::open_fifo(Process<P>& process, const Ref<Pipe>& pipe, int flags) {
  const bool may_wait = (flags & O_NONBLOCK) == 0;
  if ((flags & O_ACCMODE) == O_ACCMODE) return std::unexpected(Errno::invalid);
  Held lock(pipe->lock());
  if (!reads(flags) && !may_wait && pipe->readers_ == 0) return std::unexpected(Errno{ENXIO});
  pipe->enter(flags);
  // It is enough that a partner came, who may be gone again: so it counts who ever came.
  const auto partner_after = [&](const std::uint32_t& ever) {
    sleep_until<P>(process.world(), pipe->readable_, lock, Queued::shared, std::nullopt,
                   [&ever, before = ever] { return ever != before; });
  };
  std::uint32_t mark = 0;
  if (!writes(flags) && pipe->writers_ == 0) {
    if (may_wait)
      partner_after(pipe->writers_ever_);
    else
      mark = pipe->writers_ever_;
  }
  if (!reads(flags) && pipe->readers_ == 0) partner_after(pipe->readers_ever_);
  lock.unlock();
  Open<P> open = open_new<P>(pipe, flags);
  open->set_mark(mark);
  // Linux finds out when the end is open already; so it opens, and closes again.
  if ((flags & O_DIRECT) != 0) return std::unexpected(Errno::invalid);
  return open;
}

template <class P>
void Pipe<P>::released(Description<P>& description) {
  const std::lock_guard lock(this->lock());
  if (description.may_read()) --readers_;
  if (description.may_write()) --writers_;
  if ((readers_ == 0) != (writers_ == 0)) {
    readable_.wake_all(0);
    writable_.wake_all(0);
  }
  if (readers_ == 0 && writers_ == 0) end();
}

// ---- waiting ------------------------------------------------------------------------------------

template <class P>
Mask Pipe<P>::poll(Description<P>& description, PollTable* table, Mask) {
  const std::lock_guard lock(this->lock());
  ever_polled_ = true;
  const bool may_read = description.may_read();
  const bool may_write = description.may_write();
  if (table != nullptr && may_read) table->enter(readable_);
  if (table != nullptr && may_write) table->enter(writable_);
  Mask ready = 0;
  if (may_read && !buffer_.empty()) ready |= readable_bits;
  // A FIFO's reader who has not seen a writer yet waits for the first, not for an end.
  if (may_read && writers_ == 0 && description.mark() != writers_ever_) ready |= EPOLLHUP;
  if (may_write && !buffer_.full()) ready |= writable_bits;
  if (may_write && readers_ == 0) ready |= EPOLLERR;
  return ready;
}

// ---- reading and writing ------------------------------------------------------------------------

template <class P>
Count Pipe<P>::read(Process<P>& process, Description<P>& description, MutableBytes into) {
  if (into.empty()) return 0;
  Held lock(this->lock());
  bool has_waited = false;
  while (buffer_.empty()) {
    if (writers_ == 0) return 0;
    if (description.is_nonblocking()) return std::unexpected(Errno::again);
    sleep_until<P>(process.world(), readable_, lock, Queued::exclusive, std::nullopt,
                   [this] { return !buffer_.empty() || writers_ == 0; });
    has_waited = true;
  }
  if (into.data() == nullptr) return bad_address;
  const auto taken = buffer_.take(into);
  if (taken.made_room) writable_.wake(writable_bits);
  // The wake-up that ended its sleep may have been meant for more than it took.
  if (has_waited && !buffer_.empty()) readable_.wake(readable_bits);
  return taken.count;
}

template <class P>
struct Pipe<P>::Writing {
  Process<P>& process;
  Description<P>& description;
  ByteView left;
  bool tell_readers;  // It was empty when this call began, or went on after a sleep.
  bool has_waited = false;
};

template <class P>
Count Pipe<P>::write(Process<P>& process, Description<P>& description, ByteView bytes) {
  if (bytes.empty()) return 0;
  Held lock(this->lock());
  Writing call{.process = process,
               .description = description,
               .left = bytes,
               .tell_readers = buffer_.empty()};
  std::optional<Errno> failure = begin_write(call);
  while (!failure && !call.left.empty()) failure = write_on(call, lock);
  // Even if nothing was written: Linux does not look.
  if (ever_polled_ && system_.options().profile.polled_pipe_tells_each_write)
    call.tell_readers = true;
  if (call.tell_readers) readable_.wake(readable_bits);
  if (call.has_waited && !buffer_.full()) writable_.wake(writable_bits);
  if (failure && call.left.size() == bytes.size()) return std::unexpected(*failure);
  return bytes.size() - call.left.size();
}

template <class P>
std::optional<Errno> Pipe<P>::begin_write(Writing& call) {
  if (readers_ == 0) return Errno{EPIPE};
  if (!buffer_.merges(call.left.size())) return std::nullopt;
  if (call.left.data() == nullptr) return Errno{EFAULT};
  call.left = call.left.subspan(buffer_.merge(call.left));
  return std::nullopt;
}

// Writes into one slot, or sleeps until it can.
template <class P>
std::optional<Errno> Pipe<P>::write_on(Writing& call, Held& lock) {
  if (readers_ == 0) return Errno{EPIPE};
  if (!buffer_.full()) {
    if (call.left.data() == nullptr) return Errno{EFAULT};
    const bool is_packet = (call.description.flags() & O_DIRECT) != 0;
    call.left = call.left.subspan(buffer_.append(call.left, is_packet));
    return std::nullopt;
  }
  if (call.description.is_nonblocking()) return Errno::again;
  if (call.tell_readers) readable_.wake(readable_bits);
  sleep_until<P>(call.process.world(), writable_, lock, Queued::exclusive, std::nullopt,
                 [this] { return !buffer_.full() || readers_ == 0; });
  call.tell_readers = buffer_.empty();
  call.has_waited = true;
  return std::nullopt;
}

// ---- the rest -----------------------------------------------------------------------------------

template <class P>
Result<int> Pipe<P>::ioctl(Process<P>& process, Description<P>& description, unsigned long request,
                           void* argument) {
  if (request != FIONREAD) return Object<P>::ioctl(process, description, request, argument);
  const std::lock_guard lock(this->lock());
  if (argument == nullptr) return bad_address;
  const auto bytes = static_cast<int>(buffer_.bytes());
  std::memcpy(argument, &bytes, sizeof bytes);
  return 0;
}

template <class P>
Result<int> Pipe<P>::fcntl(Description<P>& description, int command, int argument) {
  if (command != F_GETPIPE_SZ && command != F_SETPIPE_SZ)
    return Object<P>::fcntl(description, command, argument);
  const std::lock_guard lock(this->lock());
  if (command == F_SETPIPE_SZ) return resize(static_cast<unsigned>(argument));
  return static_cast<int>(buffer_.slots() * PipeBuffer::page_size);
}

template <class P>
Result<int> Pipe<P>::resize(unsigned bytes) {
  const auto slots = slots_of(bytes);
  if (!slots) return std::unexpected(Errno::invalid);
  const std::size_t before = buffer_.slots();
  if (*slots > before && !system_.options().is_privileged &&
      (*slots > most_slots_unprivileged || !may_have(*slots - before)))
    return std::unexpected(Errno::not_permitted);
  if (*slots > most_slots) return std::unexpected(Errno{ENOMEM});
  if (!buffer_.resize(*slots)) return std::unexpected(Errno{EBUSY});
  system_.pipe_pages() += *slots;
  system_.pipe_pages() -= before;
  writable_.wake(0);  // There may be more room now.
  return static_cast<int>(*slots * PipeBuffer::page_size);
}

template class Pipe<Single>;
template class Pipe<Threads>;

// ---- pipe2(2) -----------------------------------------------------------------------------------

template <class P>
Result<std::array<int, 2>> Process<P>::pipe2(int flags) {
  // O_EXCL asks for a pipe of notifications, which a kernel can be built without: ENOPKG then.
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT | O_EXCL)) != 0)
    return std::unexpected(Errno::invalid);
  if ((flags & O_EXCL) != 0) return std::unexpected(Errno{ENOPKG});
  auto [read_end, write_end] = Pipe<P>::open_both(system_, flags);
  const bool close_on_exec = (flags & O_CLOEXEC) != 0;
  const auto first = install(std::move(read_end), close_on_exec);
  if (!first) return std::unexpected(first.error());
  const auto second = install(std::move(write_end), close_on_exec);
  if (second) return std::array{*first, *second};
  static_cast<void>(descriptors_.take(*first));
  return std::unexpected(second.error());
}

template Result<std::array<int, 2>> Process<Single>::pipe2(int);
template Result<std::array<int, 2>> Process<Threads>::pipe2(int);

}  // namespace tocsin::vkern
