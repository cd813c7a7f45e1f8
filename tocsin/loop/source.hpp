// SPDX-License-Identifier: MIT
//
// Source: what the Loop calls when a registration is ready.
//
//     Poller ──> Loop ──> [ Source::on_ready ] ──> an operation ──> a coroutine
//
// Thread rule: the loop's thread.
#pragma once

#include "tocsin/base/list.hpp"
#include "tocsin/poll/ready.hpp"

namespace tocsin {

class Source : public ListNode {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  /// Called once a turn at most, after everything of that turn has been harvested. `ready` is what
  /// the kernel said; none if the source asked to be served again. It may destroy anything, itself
  /// included.
  virtual void on_ready(Ready ready) = 0;

  /// Its `on_ready` is about to be called, after another source's: a chance to have the processor
  /// fetch what that will touch. Called in crowded turns only; changes nothing.
  virtual void prefetch() const {}

 protected:
  ~Source() = default;
};

}  // namespace tocsin
