// SPDX-License-Identifier: MIT
#include "tocsin/loop/waker.hpp"

#include <sys/eventfd.h>

#include <array>
#include <utility>

namespace tocsin {

Result<std::unique_ptr<Waker>> Waker::create(Kernel& kernel) {
  auto fd = own(kernel, kernel.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) return std::unexpected(fd.error());
  return std::unique_ptr<Waker>(new Waker(kernel, std::move(*fd)));
}

void Waker::wake() {
  rung_.store(true, std::memory_order_seq_cst);
  ring();
}

void Waker::post(Function function) {
  posts_.push(std::move(function));
  ring();
}

// Whoever leaves something and then looks whether the loop sleeps, and the loop, which says that it
// sleeps and then looks whether something was left, cannot both see nothing: that takes sequential
// consistency on both sides (Dekker's pattern).
void Waker::ring() {
  if (!asleep_.load(std::memory_order_seq_cst)) return;
  if (!asleep_.exchange(false, std::memory_order_seq_cst)) return;
  wakeups_.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t one = 1;
  // EAGAIN is the one failure there is: the counter is full, so the loop has been rung.
  static_cast<void>(kernel_.write(eventfd_.get(), std::as_bytes(std::span(&one, 1))));
}

// Posts are looked for before, too: as long as they come, what their posters read is left alone.
bool Waker::prepare_to_sleep() {
  if (!has_posts()) {
    asleep_.store(true, std::memory_order_seq_cst);
    if (!has_been_reached()) return true;
  }
  woke();
  return false;
}

Result<> Waker::restart() {
  auto fd = own(kernel_, kernel_.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) return std::unexpected(fd.error());
  eventfd_ = std::move(*fd);
  woke();
  return {};
}

}  // namespace tocsin
