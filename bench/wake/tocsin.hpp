// SPDX-License-Identifier: MIT
//
// Waking on Tocsin: Waker::post. A loop that is woken soon, again and again, looks on for a while
// before it sleeps; what a wake-up takes without that is a program of its own.
//
// Thread rule: see round_trip.hpp.
#pragma once

#include <cstdlib>
#include <memory>
#include <utility>

#include "bench/wake/round_trip.hpp"
#include "tocsin/loop/loop.hpp"

namespace wake {

/// Whether its loops may look on (LoopOptions::look_on), as they do if nobody says otherwise.
template <bool may_look_on>
class Tocsin {
 public:
  explicit Tocsin(Side& side) : side_(side), loop_(make_loop()) {}

  void wake() {
    loop_->waker().post([this] {
      side_.woken();
      if (side_.is_done()) loop_->stop();
    });
  }

  void run() {
    if (!loop_->run()) std::abort();
  }

 private:
  static std::unique_ptr<tocsin::Loop> make_loop() {
    tocsin::LoopOptions options;
    if (!may_look_on) options.look_on = tocsin::Duration::zero();
    auto loop = tocsin::Loop::create(tocsin::LinuxKernel::shared(), options);
    if (!loop) std::abort();
    return std::move(*loop);
  }

  Side& side_;
  std::unique_ptr<tocsin::Loop> loop_;
};

}  // namespace wake
