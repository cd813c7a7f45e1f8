// SPDX-License-Identifier: MIT
//
// Waking on libuv: uv_async_send.
#include <uv.h>

#include "bench/wake/round_trip.hpp"

namespace {

class Libuv {
 public:
  explicit Libuv(wake::Side& side) : side_(side) {
    if (uv_loop_init(&loop_) != 0 || uv_async_init(&loop_, &async_, on_async) != 0) std::abort();
    async_.data = this;
  }

  void wake() { uv_async_send(&async_); }
  void run() { uv_run(&loop_, UV_RUN_DEFAULT); }

 private:
  static void on_async(uv_async_t* async) {
    wake::Side& side = static_cast<Libuv*>(async->data)->side_;
    side.woken();
    if (side.is_done()) uv_stop(async->loop);
  }

  wake::Side& side_;
  uv_loop_t loop_;
  uv_async_t async_;
};

}  // namespace

int main(int argc, char** argv) { return wake::measure_wake<Libuv>(argc, argv); }
