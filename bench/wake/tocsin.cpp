// SPDX-License-Identifier: MIT
//
// Waking on Tocsin: Waker::post.
#include <cstdlib>
#include <memory>
#include <utility>

#include "bench/wake/round_trip.hpp"
#include "tocsin/loop/loop.hpp"

namespace {

class Tocsin {
 public:
  explicit Tocsin(wake::Side& side) : side_(side), loop_(make_loop()) {}

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
    auto loop = tocsin::Loop::create();
    if (!loop) std::abort();
    return std::move(*loop);
  }

  wake::Side& side_;
  std::unique_ptr<tocsin::Loop> loop_;
};

}  // namespace

int main(int argc, char** argv) { return wake::measure_wake<Tocsin>(argc, argv); }
