// SPDX-License-Identifier: MIT
//
// Fd: owns one file descriptor of one Kernel, and closes it.
//
// Thread rule: one thread at a time; it may move to another thread whole.
#pragma once

#include <utility>

#include "tocsin/kern/kernel.hpp"

namespace tocsin {

class Fd {
 public:
  /// Owns nothing.
  Fd() = default;

  /// Takes `fd` over: from here on it is closed by this object and by nobody else. `kernel` must
  /// outlive the Fd.
  Fd(Kernel& kernel, int fd) : kernel_(&kernel), fd_(fd) {}

  Fd(Fd&& other) noexcept : kernel_(other.kernel_), fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    const int taken = std::exchange(other.fd_, -1);  // First, so that self-assignment keeps it.
    reset();
    kernel_ = other.kernel_;
    fd_ = taken;
    return *this;
  }
  ~Fd() { reset(); }

  /// The number, or -1 if nothing is owned.
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  /// Gives the descriptor back to the caller, who closes it.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

  /// Closes now. What close(2) answers is dropped on purpose: the descriptor is gone in any case,
  /// and whoever must know that data reached the disk calls fsync(2) before.
  void reset() {
    if (fd_ >= 0) static_cast<void>(kernel_->close(std::exchange(fd_, -1)));
  }

 private:
  Kernel* kernel_ = nullptr;
  int fd_ = -1;  // -1: nothing owned.
};

/// Takes over the descriptor of a call that made one: `own(kernel, kernel.eventfd(0, 0))`.
inline Result<Fd> own(Kernel& kernel, Result<int> made) {
  if (!made) return std::unexpected(made.error());
  return Fd(kernel, *made);
}

/// Makes the open file description of `fd` non-blocking: for everybody who shares it, so it should
/// be nobody else's (open(2), "Open file descriptions"). Fails as fcntl(2).
inline Result<> make_nonblocking(Kernel& kernel, int fd) {
  const auto flags = kernel.fcntl(fd, F_GETFL, 0);
  if (!flags) return std::unexpected(flags.error());
  const auto done = kernel.fcntl(fd, F_SETFL, *flags | O_NONBLOCK);
  if (!done) return std::unexpected(done.error());
  return {};
}

}  // namespace tocsin
