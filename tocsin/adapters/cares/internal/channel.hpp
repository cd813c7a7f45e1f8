// SPDX-License-Identifier: MIT
//
// CaresChannel: a channel of c-ares on a Loop.
//
//     ares_getaddrinfo ──> sockets, time-outs ──> [ CaresChannel ] ──> Loop ──> ares_process_fd
//
// c-ares opens and closes the sockets and says through a callback for what each is to be watched.
// Its next time-out is asked for after whatever may have changed it.
//
// No code of the user runs inside a callback of c-ares: who is answered is put into the loop's
// queue. So c-ares is never entered twice.
//
// Ownership: it owns the channel; the descriptors are c-ares'. Thread rule: the loop's thread.
#pragma once

#include <cstddef>
#include <memory>

#include <ares.h>

#include "tocsin/adapters/cares/resolver.hpp"
#include "tocsin/source/foreign_fds.hpp"

namespace tocsin::internal {

/// One question, from ares_getaddrinfo until its callback: c-ares holds it as the argument of that.
class CaresQuestion {
 public:
  CaresChannel* channel;
  ResolveOperation* asker;  // Null once nobody waits for the answer.
};

class CaresChannel final : private ForeignFds {
 public:
  explicit CaresChannel(Loop& loop) : ForeignFds(loop, "c-ares") {}
  /// Every question that is open is answered with ECANCELED.
  ~CaresChannel();

  Result<> open(const ResolverOptions& options);

  void ask(ResolveOperation& asker);
  /// Nobody waits for the answer any more.
  void forget(CaresQuestion& question);

 private:
  static void on_answer(void* question, int status, int timeouts, ares_addrinfo* answer);
  static void on_socket_state(void* channel, ares_socket_t fd, int readable, int writable);

  void answered(CaresQuestion& question, int status, const ares_addrinfo* answer);
  void on_ready(int fd, Ready ready) override;
  void on_time() override { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }
  void process(ares_socket_t readable, ares_socket_t writable);
  void set_alarm();

  ares_channel channel_ = nullptr;  // Null until it is open.
  std::size_t waiting_ = 0;         // Questions that somebody waits for.
};

}  // namespace tocsin::internal
