// SPDX-License-Identifier: MIT
//
// Inbox: connections on their way from the thread that accepted them to the loop that serves them.
//
//     deal (shared_listener.cpp) ──> push ──> [ Inbox ] ──> pop ──> AcceptOperation
//
// An eventfd is readable for the loop: each write to it is an edge, so it is never read.
//
// Ownership: whoever deals and the listener share it; it owns the connections in it.
// Thread rule: any thread.
#pragma once

#include <deque>
#include <memory>
#include <mutex>

#include "tocsin/kern/fd.hpp"

namespace tocsin {

class Inbox {
 public:
  /// Fails as eventfd(2) and dup(2): EMFILE, ENFILE, ENOMEM.
  static Result<std::shared_ptr<Inbox>> create(Kernel& kernel);

  /// A descriptor of its eventfd, for the loop that takes what comes: once.
  Fd take_readable() { return std::move(readable_); }

  /// False if it was closed: nobody will come for `connection`, which is left as it is.
  bool push(Fd& connection);
  /// The one that came first; none if there is none.
  Fd pop();
  /// Nobody takes any more: what is in it is closed.
  void close();

 private:
  Inbox(Kernel& kernel, Fd readable, Fd writable)
      : kernel_(kernel), readable_(std::move(readable)), writable_(std::move(writable)) {}

  Kernel& kernel_;
  Fd readable_;
  Fd writable_;  // Of its own: the other is closed when the listener ends.
  std::mutex mutex_;
  std::deque<Fd> connections_;
  bool closed_ = false;
};

}  // namespace tocsin
