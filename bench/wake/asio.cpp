// SPDX-License-Identifier: MIT
//
// Waking on Asio: asio::post, and a work guard so that the context waits for more.
#include <asio.hpp>

#include "bench/wake/round_trip.hpp"

namespace {

class Asio {
 public:
  explicit Asio(wake::Side& side) : side_(side), guard_(asio::make_work_guard(context_)) {}

  void wake() {
    asio::post(context_, [this] {
      side_.woken();
      if (side_.is_done()) context_.stop();
    });
  }
  void run() { context_.run(); }

 private:
  wake::Side& side_;
  asio::io_context context_;  // No hint of one thread: two use it.
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
};

}  // namespace

int main(int argc, char** argv) { return wake::measure_wake<Asio>(argc, argv); }
