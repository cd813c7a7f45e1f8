// SPDX-License-Identifier: MIT
//
// What the chains on Tocsin have in common: the loop, the tasks of the pairs, and how to wait
// again.
//
//     tocsin_*.cpp: the task of a pair --> [ OnTocsin ] --> chain::measure
//
// Ownership: of the loop and of the tasks; what the tasks use is the derived class's, which ends
// them first (`end_all`). Thread rule: one thread.
#pragma once

#include <memory>
#include <utility>

#include "bench/chain/chain.hpp"
#include "tocsin/tocsin.hpp"

namespace chain {

class OnTocsin {
 public:
  void run() {
    if (!loop_->run()) fail("epoll_wait");
  }

 protected:
  explicit OnTocsin(Chain& chain) : chain_(chain), loop_(make_loop()), scope_(*loop_) {}

  Chain& chain() { return chain_; }
  tocsin::Loop& loop() { return *loop_; }
  tocsin::Scope& scope() { return scope_; }

  tocsin::UnixStream stream(int fd) {
    auto source = tocsin::FdSource::create_level(*loop_, tocsin::Fd(loop_->kernel(), fd), "chain");
    if (!source) fail("a socket cannot be registered");
    return tocsin::UnixStream(std::move(*source));
  }

  /// Cancels the tasks, and takes turns until all have ended.
  void end_all() {
    scope_.cancel();
    tocsin::Scope waiting(*loop_);
    waiting.spawn(join());
    while (waiting.size() > 0)
      if (!loop_->run_once(tocsin::Duration::zero())) fail("epoll_wait");
  }

  void stop_if_complete() {
    if (chain_.is_complete()) loop_->stop();
  }

 private:
  static std::unique_ptr<tocsin::Loop> make_loop() {
    auto loop = tocsin::Loop::create();
    if (!loop) fail("the loop cannot be made");
    return std::move(*loop);
  }

  tocsin::Task<> join() { static_cast<void>(co_await scope_.join()); }

  Chain& chain_;
  std::unique_ptr<tocsin::Loop> loop_;
  tocsin::Scope scope_;
};

}  // namespace chain
