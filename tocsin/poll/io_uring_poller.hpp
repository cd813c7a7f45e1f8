// SPDX-License-Identifier: MIT
//
// IoUringPoller: the Poller that is io_uring's poll requests (io_uring_enter(2), POLL_ADD).
//
//     io_uring_enter(2) --> [ IoUringPoller ] --> Loop
//
// Level, edge and oneshot; exclusive it lacks. An edge is a multishot poll: one request, an answer
// for everything that happens. A request knows no levels, so a level is a request that answers once
// and is made again by the wait that follows its answer; a oneshot is one that is not made again.
// Requests are handed over by `wait`, in the same system call, never one by one.
//
// Where it differs from epoll, by nature: while a request is in flight the ring holds the open file
// description, so closing a descriptor too early does not end its registration and its peer sees no
// end; `remove` lets go at once. Edges answer with what has happened, not with all that is true.
// There is no descriptor to wait for it by: a level that was answered is in the kernel's hands
// again only in the next wait, so the ring's own would not tell all.
//
// Ownership: of the ring. Thread rule: one thread at a time; and since a request belongs to the
// thread that submitted it, a thread that ends leaves its registrations to be made again by the
// next `wait`.
#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "tocsin/kern/io_uring.hpp"
#include "tocsin/poll/poller.hpp"

namespace tocsin {

class IoUringPoller final : public Poller {
 public:
  /// Fails as io_uring_setup(2) does: EPERM where it is forbidden, ENOSYS where it is absent or too
  /// old, EMFILE, ENFILE, ENOMEM. `kernel` must outlive the Poller.
  static Result<std::unique_ptr<IoUringPoller>> create(Kernel& kernel);

  Result<> add(int fd, Ready interest, Mode mode, Token token) override;
  Result<> modify(int fd, Ready interest, Mode mode, Token token) override;
  Result<> remove(int fd) override;
  Result<std::span<Event>> wait(std::span<Event> out, std::optional<Duration> timeout) override;
  int fd() const override { return -1; }

 private:
  enum class State : std::uint8_t {
    absent,   // Not registered.
    idle,     // Registered, without a request: a oneshot that has answered.
    waiting,  // In to_arm_: the next wait makes the request.
    armed,    // The request is in flight.
  };
  struct Watch {
    Token token{};
    Ready interest = Ready::none;
    Mode mode;
    State state = State::absent;
    Ready collected = Ready::none;  // What the ring has said and no wait has answered; then the fd
                                    // is in collected_, once.
    std::uint32_t generation = 0;   // Of its latest request; outlives the registration.
  };

  IoUringPoller(Kernel& kernel, std::unique_ptr<IoUring> ring)
      : kernel_(kernel), ring_(std::move(ring)) {}

  Watch* find(int fd);
  Watch& at(int fd) { return watches_[static_cast<std::size_t>(fd)]; }
  Result<> disarm(int fd);
  void want(int fd);
  void collect(int fd, Ready ready);

  Result<> arm_waiting();
  void take_completions();
  void take(const IoCompletion& completion);
  void ask_levels_again();
  std::span<Event> answer(std::span<Event> out);

  Kernel& kernel_;
  std::unique_ptr<IoUring> ring_;
  std::vector<Watch> watches_;  // By fd number.
  std::deque<int> to_arm_;      // Exactly the fds whose state is `waiting`, in order of answers.
  std::deque<int> collected_;   // Exactly the fds that have something collected, oldest first.
};

}  // namespace tocsin
