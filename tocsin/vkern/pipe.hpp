// SPDX-License-Identifier: MIT
//
// Pipe: bytes from whoever writes to whoever reads (pipe(7)); a FIFO is one that has a name.
//
//     write ──> [ PipeBuffer ] ──> read        one object, a description for each end
//         └─ EPOLLIN ─> readable_                        writable_ <─ EPOLLOUT ─┘
//
// Readers wait in one queue, writers in the other. A write tells the readers if the pipe was empty,
// and always once anybody has asked a poll of it: since 5.14 Linux keeps edge-triggered readers
// content so, who stop before the pipe is empty. A read tells the writers when a slot became free
// in a full pipe, and not before. The last of one side to go tells both queues, with no key.
//
// The calls are read(2), write(2), fcntl(2) and ioctl(2), with pipe(7)'s rules: EPIPE without a
// reader, the end of the file without a writer. SIGPIPE is not raised.
//
// Ownership: its descriptions' and, of a FIFO, the name's too: what is in it goes when the last end
// is closed, and the next to open finds a new pipe. Thread rule: as Object.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>

#include "tocsin/vkern/description.hpp"
#include "tocsin/vkern/pipe_buffer.hpp"

namespace tocsin::vkern {

template <class P>
class Pipe final : public Object<P> {
 public:
  /// Of `system`, which must outlive it; open for nobody.
  explicit Pipe(System<P>& system);
  ~Pipe() override = default;

  /// A new pipe, opened for reading and for writing: pipe2(2). `flags`: O_NONBLOCK for both ends,
  /// O_DIRECT for the one that is written.
  static std::array<Open<P>, 2> open_both(System<P>& system, int flags);

  /// Opens the FIFO that `pipe` is, as open(2) and fifo(7) say: for one side, waits until somebody
  /// opens the other; O_RDWR does not wait. `flags` become the description's: the caller has taken
  /// out what is open(2)'s own (O_CREAT, O_CLOEXEC, ...). Fails with EINVAL for no access mode, and
  /// for O_DIRECT, which only fcntl(2) can set on a FIFO; with ENXIO for O_WRONLY | O_NONBLOCK
  /// without a reader. After a failure it is as before; but O_DIRECT is refused by closing again,
  /// which a partner notices.
  static Result<Open<P>> open_fifo(Process<P>& process, const Ref<Pipe>& pipe, int flags);

  Mask poll(Description<P>& description, PollTable* table, Mask requested) override;
  /// Blocks while it is empty and somebody can write. EAGAIN, EFAULT.
  Count read(Process<P>& process, Description<P>& description, MutableBytes into) override;
  /// Blocks until all of `bytes` is in it; what was written when an error comes is the answer, and
  /// the error is told next time. EAGAIN, EPIPE, EFAULT.
  Count write(Process<P>& process, Description<P>& description, ByteView bytes) override;
  /// FIONREAD, on either end.
  Result<int> ioctl(Process<P>& process, Description<P>& description, unsigned long request,
                    void* argument) override;
  /// F_GETPIPE_SZ, and F_SETPIPE_SZ: EBUSY for fewer slots than are in use, EINVAL for more than
  /// 2 GiB, ENOMEM for what no kernel could allocate, EPERM beyond pipe(7)'s limits.
  Result<int> fcntl(Description<P>& description, int command, int argument) override;
  int changeable_flags() const override {
    return Object<P>::changeable_flags() | O_ASYNC | O_DIRECT;
  }
  void released(Description<P>& description) override;

 private:
  using Held = std::unique_lock<typename P::Lock>;

  struct Writing;  // One call of write(2).

  // Under the lock.
  void enter(int flags);
  void begin();
  void end();
  std::optional<Errno> begin_write(Writing& call);
  std::optional<Errno> write_on(Writing& call, Held& lock);
  Result<int> resize(unsigned bytes);
  bool may_have(std::size_t slots) const;

  System<P>& system_;
  PipeBuffer buffer_;
  WaitQueue readable_;
  WaitQueue writable_;
  std::uint32_t readers_ = 0;  // Open descriptions, and calls that wait to become one.
  std::uint32_t writers_ = 0;
  std::uint32_t readers_ever_ = 1;  // How often it was opened; never 0, which is no description's
  std::uint32_t writers_ever_ = 1;  // mark: so only a FIFO's reader can have seen no writer.
  bool ever_polled_ = false;
};

}  // namespace tocsin::vkern
