// SPDX-License-Identifier: MIT
//
// The chain on io_uring(7) alone: a recv(2) waits at every reading end, and writes are sent by the
// ring, too, so that one io_uring_enter(2) submits them and waits. To wait again, every recv is
// cancelled and another one begun.
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <liburing.h>

#include "bench/chain/chain.hpp"

namespace {

constexpr unsigned entries = 4096;
constexpr std::uint64_t sent = UINT64_MAX;     // The completion of a write,
constexpr std::uint64_t cancelled = sent - 1;  // and that of a cancellation.

class RawIoUring {
 public:
  explicit RawIoUring(chain::Chain& chain) : chain_(chain), bytes_(chain.size()) {
    io_uring_params params{};
    // Since Linux 6.0, 6.1: completions are worked off when the one thread waits, not by interrupt.
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = 8 * entries;
    check(io_uring_queue_init_params(entries, &ring_, &params));
    for (std::size_t i = 0; i < chain_.size(); ++i) receive(i);
  }
  ~RawIoUring() { io_uring_queue_exit(&ring_); }

  void wait_again() {
    for (std::size_t i = 0; i < chain_.size(); ++i) {
      io_uring_sqe* const sqe = next();
      io_uring_prep_cancel64(sqe, i, 0);
      io_uring_sqe_set_data64(sqe, cancelled);
      ++cancelling_;
    }
    while (cancelling_ > 0) turn();
  }

  void run() {
    while (!chain_.is_complete()) turn();
  }

 private:
  static void check(int result) {
    if (result >= 0) return;
    errno = -result;
    chain::fail("io_uring");
  }

  io_uring_sqe* next() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe != nullptr) return sqe;
    check(io_uring_submit(&ring_));
    return io_uring_get_sqe(&ring_);
  }

  void receive(std::size_t pair) {
    io_uring_sqe* const sqe = next();
    io_uring_prep_recv(sqe, chain_.reader(pair), &bytes_[pair], 1, 0);
    io_uring_sqe_set_data64(sqe, pair);
  }

  void send(std::size_t pair) {
    static constexpr char byte = 'e';
    io_uring_sqe* const sqe = next();
    io_uring_prep_send(sqe, chain_.writer(pair), &byte, 1, MSG_NOSIGNAL);
    io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
    io_uring_sqe_set_data64(sqe, sent);
  }

  void turn() {
    check(io_uring_submit_and_wait(&ring_, 1));
    unsigned head = 0, count = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      ++count;
      completed(cqe->user_data, cqe->res);
    }
    io_uring_cq_advance(&ring_, count);
  }

  void completed(std::uint64_t what, int result) {
    if (what == cancelled) {
      --cancelling_;
      return;
    }
    if (what != sent && result == 1) {
      if (chain_.passes_on()) send(chain_.after(what));
    } else if (what == sent || result != -ECANCELED) {
      check(result < 0 ? result : -EIO);
    }
    receive(what);
  }

  chain::Chain& chain_;
  io_uring ring_{};
  std::vector<char> bytes_;
  std::size_t cancelling_ = 0;
};

}  // namespace

int main(int argc, char** argv) { return chain::measure<RawIoUring>(argc, argv); }
