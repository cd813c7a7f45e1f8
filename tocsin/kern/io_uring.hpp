// SPDX-License-Identifier: MIT
//
// IoUring: a ring of asynchronous system calls (io_uring(7)), as much of it as the library uses.
//
// Two things wait on one: the io_uring multiplexer (poll/) and the engine for regular files
// (file/). A call is queued under a `user_data` of the caller's, submitted, and answered by a
// completion that carries the same number. What the memory passed to a call must outlive is its
// completion.
//
// Ownership: the ring owns its descriptor and its mappings. Thread rule: one thread at a time.
#pragma once

#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#include <cstdint>
#include <span>

#include "tocsin/base/bytes.hpp"
#include "tocsin/base/result.hpp"

namespace tocsin {

/// The answer to one call.
struct IoCompletion {
  std::uint64_t user_data;
  std::int32_t result;  // As the system call's, with -errno for a failure.
  bool more;            // A multishot call goes on: further completions follow (IORING_CQE_F_MORE).
};

/// How a poll request goes on after its first answer (io_uring_enter(2), IORING_OP_POLL_ADD).
enum class PollShot : std::uint8_t {
  once,   // Answers once, at once if the descriptor is ready already.
  multi,  // Answers at every edge until it is removed.
};

/// IORING_OP_EPOLL_WAIT of <linux/io_uring.h>, since Linux 6.15; older headers, and Debian 12's
/// liburing, lack the name. Ask `supports`.
inline constexpr unsigned io_uring_op_epoll_wait = 59;

class IoUring {
 public:
  IoUring() = default;
  IoUring(const IoUring&) = delete;
  IoUring& operator=(const IoUring&) = delete;
  virtual ~IoUring() = default;

  /// The ring's own descriptor: readable, for epoll and friends, while completions wait.
  virtual int fd() const = 0;

  /// Whether the running kernel knows an IORING_OP_* number.
  virtual bool supports(unsigned operation) const = 0;

  // Each of these queues one call and answers at once; nothing has happened before `submit`. If the
  // submission queue is full it is submitted first, so they fail only as io_uring_enter(2) does.
  virtual Result<> poll_add(int fd, std::uint32_t events, PollShot shot,
                            std::uint64_t user_data) = 0;
  virtual Result<> poll_remove(std::uint64_t target, std::uint64_t user_data) = 0;
  /// epoll_wait(2) of the epoll `epfd` without a limit of time: completes with how many of `into`
  /// were filled. `into` must stay until the completion. Requires:
  /// supports(io_uring_op_epoll_wait).
  virtual Result<> epoll_wait(int epfd, std::span<epoll_event> into, std::uint64_t user_data) = 0;
  virtual Result<> read(int fd, MutableBytes into, std::uint64_t offset,
                        std::uint64_t user_data) = 0;
  virtual Result<> write(int fd, ByteView bytes, std::uint64_t offset, std::uint64_t user_data) = 0;
  /// The array of parts must stay until `submit`, what they name until the completion.
  virtual Result<> readv(int fd, std::span<const iovec> into, std::uint64_t offset,
                         std::uint64_t user_data) = 0;
  virtual Result<> writev(int fd, std::span<const iovec> from, std::uint64_t offset,
                          std::uint64_t user_data) = 0;
  virtual Result<> fsync(int fd, std::uint64_t user_data) = 0;
  /// `path` must stay until the completion.
  virtual Result<> openat(int directory, const char* path, int flags, mode_t mode,
                          std::uint64_t user_data) = 0;
  /// `path` and `into` must stay until the completion.
  virtual Result<> statx(int directory, const char* path, int flags, unsigned mask,
                         struct statx& into, std::uint64_t user_data) = 0;
  /// Both paths must stay until the completion.
  virtual Result<> renameat2(int from, const char* from_path, int to, const char* to_path,
                             unsigned flags, std::uint64_t user_data) = 0;
  /// Asks that the call `target` be cancelled: it then completes with -ECANCELED, or with its
  /// result if it was faster.
  virtual Result<> cancel(std::uint64_t target, std::uint64_t user_data) = 0;

  /// Hands the queued calls to the kernel.
  virtual Result<> submit() = 0;

  /// Submits, then waits until there is a completion or `timeout` is over (null: no limit). Time
  /// over is a success with nothing to harvest. EINTR when a signal came first.
  virtual Result<> submit_and_wait(const timespec* timeout) = 0;

  /// Takes completions, oldest first, into `into`; answers how many. Never blocks.
  virtual std::size_t harvest(std::span<IoCompletion> into) = 0;

  /// Signals the eventfd `fd` at every completion from now on (io_uring_register(2),
  /// IORING_REGISTER_EVENTFD). The eventfd stays the caller's and must outlive the ring.
  virtual Result<> register_eventfd(int fd) = 0;
};

}  // namespace tocsin
