// SPDX-License-Identifier: MIT
//
// CaresChannel: a channel of c-ares on a Loop.
//
//     ares_getaddrinfo ──> sockets, time-outs ──> [ CaresChannel ] ──> Loop ──> ares_process_fd
//
// c-ares opens and closes the sockets and says through a callback for what each is to be watched:
// that is a registration here, level-triggered, since c-ares does not read until EAGAIN. Its next
// time-out is asked for after whatever may have changed it, and is an alarm.
//
// No code of the user runs inside a callback of c-ares: who is answered is put into the loop's
// queue. So c-ares is never entered twice.
//
// Ownership: it owns the channel and the registrations; the descriptors are c-ares'. Thread rule:
// the loop's thread.
#pragma once

#include <cstddef>
#include <map>
#include <memory>

#include <ares.h>

#include "tocsin/adapters/cares/resolver.hpp"

namespace tocsin::internal {

/// One question, from ares_getaddrinfo until its callback: c-ares holds it as the argument of that.
class CaresQuestion {
 public:
  CaresChannel* channel;
  ResolveOperation* asker;  // Null once nobody waits for the answer.
};

class CaresChannel {
 public:
  explicit CaresChannel(Loop& loop) : loop_(loop) {}
  CaresChannel(const CaresChannel&) = delete;
  CaresChannel& operator=(const CaresChannel&) = delete;
  /// Every question that is open is answered with ECANCELED.
  ~CaresChannel();

  Result<> open(const ResolverOptions& options);

  void ask(ResolveOperation& asker);
  /// Nobody waits for the answer any more.
  void forget(CaresQuestion& question);

 private:
  /// A socket of c-ares, registered.
  class Socket final : public Source {
   public:
    Socket(CaresChannel& channel, int fd) : channel_(channel), fd_(fd) {}
    void on_ready(Ready ready) override;

    Token token{};

   private:
    CaresChannel& channel_;
    int fd_;
  };
  struct Expiry final : Alarm {
    explicit Expiry(CaresChannel& owner) : channel(owner) {}
    void run() override { channel.process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }
    CaresChannel& channel;
  };

  static void on_answer(void* question, int status, int timeouts, ares_addrinfo* answer);
  static void on_socket_state(void* channel, ares_socket_t fd, int readable, int writable);

  void answered(CaresQuestion& question, int status, const ares_addrinfo* answer);
  void watch(int fd, Ready interest);
  void process(ares_socket_t readable, ares_socket_t writable);
  void set_alarm();

  Loop& loop_;
  ares_channel channel_ = nullptr;  // Null until it is open.
  std::map<int, std::unique_ptr<Socket>> sockets_;
  std::size_t waiting_ = 0;  // Questions that somebody waits for.
  Expiry expiry_{*this};
};

}  // namespace tocsin::internal
