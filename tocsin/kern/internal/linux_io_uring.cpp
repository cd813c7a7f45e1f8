// SPDX-License-Identifier: MIT
#include "tocsin/kern/internal/linux_io_uring.hpp"

#include <algorithm>

namespace tocsin {
namespace {

// liburing answers with -errno where a system call would answer -1 and set errno.
Result<> nothing_or_error(int returned) {
  if (returned < 0) [[unlikely]]
    return std::unexpected(Errno{-returned});
  return {};
}

// read(2) and its kin take at most this much at once ("NOTES"), and io_uring counts in 32 bits.
unsigned as_length(std::size_t size) {
  constexpr std::size_t most = 0x7ffff000;
  return static_cast<unsigned>(std::min(size, most));
}

}  // namespace

Result<std::unique_ptr<IoUring>> LinuxIoUring::create(unsigned entries, unsigned completions) {
  std::unique_ptr<LinuxIoUring> made(new LinuxIoUring);
  made->ring_.ring_fd = -1;
  io_uring_params parameters{};
  parameters.flags = IORING_SETUP_CLAMP;
  if (completions > 0) {
    parameters.flags |= IORING_SETUP_CQSIZE;
    parameters.cq_entries = completions;
  }
  const int returned = io_uring_queue_init_params(entries, &made->ring_, &parameters);
  if (returned < 0) {
    made->ring_.ring_fd = -1;
    return std::unexpected(Errno{-returned});
  }
  // Linux 5.13 has multishot polls and waits with a timeout, and is known by this feature. A kernel
  // older than that counts as having no io_uring: one way through this file instead of three.
  if ((parameters.features & IORING_FEAT_RSRC_TAGS) == 0) return std::unexpected(Errno{ENOSYS});

  io_uring_probe* const probe = io_uring_get_probe_ring(&made->ring_);
  if (probe == nullptr) return std::unexpected(Errno{ENOMEM});
  for (unsigned i = 0; i < made->supported_.size(); ++i)
    made->supported_[i] = io_uring_opcode_supported(probe, static_cast<int>(i)) != 0;
  io_uring_free_probe(probe);
  return made;
}

LinuxIoUring::~LinuxIoUring() {
  if (ring_.ring_fd >= 0) io_uring_queue_exit(&ring_);
}

bool LinuxIoUring::supports(unsigned operation) const {
  return operation < supported_.size() && supported_[operation];
}

Result<io_uring_sqe*> LinuxIoUring::place() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) [[unlikely]] {
    if (auto submitted = submit(); !submitted) return std::unexpected(submitted.error());
    entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) return std::unexpected(Errno{EBUSY});
  }
  return entry;
}

Result<> LinuxIoUring::poll_add(int fd, std::uint32_t events, PollShot shot,
                                std::uint64_t user_data) {
  const auto entry = place();
  if (!entry) return std::unexpected(entry.error());
  if (shot == PollShot::multi)
    io_uring_prep_poll_multishot(*entry, fd, events);
  else
    io_uring_prep_poll_add(*entry, fd, events);
  io_uring_sqe_set_data64(*entry, user_data);
  return {};
}

Result<> LinuxIoUring::poll_remove(std::uint64_t target, std::uint64_t user_data) {
  const auto entry = place();
  if (!entry) return std::unexpected(entry.error());
  io_uring_prep_poll_remove(*entry, target);
  io_uring_sqe_set_data64(*entry, user_data);
  return {};
}

Result<> LinuxIoUring::epoll_wait(int epfd, std::span<epoll_event> into, std::uint64_t user_data) {
  const auto entry = place();
  if (!entry) return std::unexpected(entry.error());
  io_uring_prep_rw(io_uring_op_epoll_wait, *entry, epfd, into.data(),
                   static_cast<unsigned>(into.size()), 0);
  io_uring_sqe_set_data64(*entry, user_data);
  return {};
}

Result<> LinuxIoUring::read(int fd, MutableBytes into, std::uint64_t offset,
                            std::uint64_t user_data) {
  const auto entry = place();
  if (!entry) return std::unexpected(entry.error());
  io_uring_prep_read(*entry, fd, into.data(), as_length(into.size()), offset);
  io_uring_sqe_set_data64(*entry, user_data);
  return {};
}

Result<> LinuxIoUring::write(int fd, ByteView bytes, std::uint64_t offset,
                             std::uint64_t user_data) {
  const auto entry = place();
  if (!entry) return std::unexpected(entry.error());
  io_uring_prep_write(*entry, fd, bytes.data(), as_length(bytes.size()), offset);
  io_uring_sqe_set_data64(*entry, user_data);
  return {};
}

Result<> LinuxIoUring::readv(int fd, std::span<const iovec> into, std::uint64_t offset,
                             std::uint64_t user_data) {
  const auto entry = place();
  if (!entry) return std::unexpected(entry.error());
  io_uring_prep_readv(*entry, fd, into.data(), static_cast<unsigned>(into.size()), offset);
  io_uring_sqe_set_data64(*entry, user_data);
  return {};
}

Result<> LinuxIoUring::writev(int fd, std::span<const iovec> from, std::uint64_t offset,
                              std::uint64_t user_data) {
  const auto entry = place();
  if (!entry) return std::unexpected(entry.error());
  io_uring_prep_writev(*entry, fd, from.data(), static_cast<unsigned>(from.size()), offset);
  io_uring_sqe_set_data64(*entry, user_data);
  return {};
}

Result<> LinuxIoUring::fsync(int fd, std::uint64_t user_data) {
  const auto entry = place();
  if (!entry) return std::unexpected(entry.error());
  io_uring_prep_fsync(*entry, fd, 0);
  io_uring_sqe_set_data64(*entry, user_data);
  return {};
}

Result<> LinuxIoUring::openat(int directory, const char* path, int flags, mode_t mode,
                              std::uint64_t user_data) {
  const auto entry = place();
  if (!entry) return std::unexpected(entry.error());
  io_uring_prep_openat(*entry, directory, path, flags, mode);
  io_uring_sqe_set_data64(*entry, user_data);
  return {};
}

Result<> LinuxIoUring::statx(int directory, const char* path, int flags, unsigned mask,
                             struct statx& into, std::uint64_t user_data) {
  const auto entry = place();
  if (!entry) return std::unexpected(entry.error());
  io_uring_prep_statx(*entry, directory, path, flags, mask, &into);
  io_uring_sqe_set_data64(*entry, user_data);
  return {};
}

Result<> LinuxIoUring::renameat2(int from, const char* from_path, int to, const char* to_path,
                                 unsigned flags, std::uint64_t user_data) {
  const auto entry = place();
  if (!entry) return std::unexpected(entry.error());
  io_uring_prep_renameat(*entry, from, from_path, to, to_path, flags);
  io_uring_sqe_set_data64(*entry, user_data);
  return {};
}

Result<> LinuxIoUring::cancel(std::uint64_t target, std::uint64_t user_data) {
  const auto entry = place();
  if (!entry) return std::unexpected(entry.error());
  io_uring_prep_cancel64(*entry, target, 0);
  io_uring_sqe_set_data64(*entry, user_data);
  return {};
}

// The kernel stops behind a call that it refuses at once (a path that is too long), having answered
// it; the rest has to be handed over again. Linux 5.18's IORING_SETUP_SUBMIT_ALL would spare that.
Result<> LinuxIoUring::submit() {
  do {
    const int returned = io_uring_submit(&ring_);
    if (returned <= 0) return nothing_or_error(returned);
  } while (io_uring_sq_ready(&ring_) > 0);
  return {};
}

Result<> LinuxIoUring::submit_and_wait(const timespec* timeout) {
  if (timeout == nullptr) return nothing_or_error(io_uring_submit_and_wait(&ring_, 1));
  // With no time at all the kernel would still sleep until a timer that is over wakes it up: twenty
  // microseconds instead of less than one.
  if (timeout->tv_sec == 0 && timeout->tv_nsec == 0)
    return nothing_or_error(io_uring_submit_and_get_events(&ring_));
  __kernel_timespec limit{.tv_sec = timeout->tv_sec, .tv_nsec = timeout->tv_nsec};
  io_uring_cqe* first = nullptr;
  const int returned = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
  if (returned == -ETIME) return {};
  return nothing_or_error(returned);
}

std::size_t LinuxIoUring::harvest(std::span<IoCompletion> into) {
  std::array<io_uring_cqe*, 64> batch;
  std::size_t taken = 0;
  while (taken < into.size()) {
    const auto room = static_cast<unsigned>(std::min(batch.size(), into.size() - taken));
    const unsigned count = io_uring_peek_batch_cqe(&ring_, batch.data(), room);
    if (count == 0) break;
    for (const io_uring_cqe* answer : std::span(batch).first(count))
      into[taken++] = {.user_data = answer->user_data,
                       .result = answer->res,
                       .more = (answer->flags & IORING_CQE_F_MORE) != 0};
    io_uring_cq_advance(&ring_, count);
  }
  return taken;
}

Result<> LinuxIoUring::register_eventfd(int fd) {
  return nothing_or_error(io_uring_register_eventfd(&ring_, fd));
}

}  // namespace tocsin
