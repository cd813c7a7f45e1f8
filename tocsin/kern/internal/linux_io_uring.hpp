// SPDX-License-Identifier: MIT
//
// LinuxIoUring: the IoUring that is the running Linux's, through liburing.
//
//     io_uring multiplexer, file engine --> IoUring --> [ LinuxIoUring ] --> liburing --> the
//     kernel
//
// Only LinuxKernel::io_uring_setup makes one. Every call is as IoUring says.
//
// Ownership: the ring's descriptor (close-on-exec) and its two mappings, until destruction, which
// cancels what is in flight. Thread rule: one thread at a time. The kernel ties a call in flight to
// the thread that submitted it: when that thread ends, its calls are cancelled.
#pragma once

#include <array>
#include <memory>

#include <liburing.h>

#include "tocsin/kern/io_uring.hpp"

namespace tocsin {

class LinuxIoUring final : public IoUring {
 public:
  /// `entries` is how many calls fit between two submissions; the kernel rounds it up to a power of
  /// two and clamps it. Fails with EPERM (forbidden by sysctl or seccomp), ENOSYS (none, or
  /// one from before Linux 5.13), EINVAL, ENOMEM, EMFILE, ENFILE.
  static Result<std::unique_ptr<IoUring>> create(unsigned entries, unsigned completions);

  ~LinuxIoUring() override;

  int fd() const override { return ring_.ring_fd; }
  bool supports(unsigned operation) const override;
  Result<> poll_add(int fd, std::uint32_t events, PollShot shot, std::uint64_t user_data) override;
  Result<> poll_remove(std::uint64_t target, std::uint64_t user_data) override;
  Result<> epoll_wait(int epfd, std::span<epoll_event> into, std::uint64_t user_data) override;
  Result<> read(int fd, MutableBytes into, std::uint64_t offset, std::uint64_t user_data) override;
  Result<> write(int fd, ByteView bytes, std::uint64_t offset, std::uint64_t user_data) override;
  Result<> readv(int fd, std::span<const iovec> into, std::uint64_t offset,
                 std::uint64_t user_data) override;
  Result<> writev(int fd, std::span<const iovec> from, std::uint64_t offset,
                  std::uint64_t user_data) override;
  Result<> fsync(int fd, std::uint64_t user_data) override;
  Result<> openat(int directory, const char* path, int flags, mode_t mode,
                  std::uint64_t user_data) override;
  Result<> statx(int directory, const char* path, int flags, unsigned mask, struct statx& into,
                 std::uint64_t user_data) override;
  Result<> renameat2(int from, const char* from_path, int to, const char* to_path, unsigned flags,
                     std::uint64_t user_data) override;
  Result<> cancel(std::uint64_t target, std::uint64_t user_data) override;
  Result<> submit() override;
  Result<> submit_and_wait(const timespec* timeout) override;
  std::size_t harvest(std::span<IoCompletion> into) override;
  Result<> register_eventfd(int fd) override;

 private:
  LinuxIoUring() = default;

  // A free place in the submission queue, which is submitted first if there is none.
  Result<io_uring_sqe*> place();

  io_uring ring_{};  // A ring_fd of -1: nothing to tear down.
  std::array<bool, 256> supported_{};
};

}  // namespace tocsin
