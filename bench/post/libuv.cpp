// SPDX-License-Identifier: MIT
//
// Posting on libuv: a locked queue and uv_async_send, which wakes the loop once for many sends.
#include <uv.h>

#include "bench/post/flood.hpp"
#include "bench/post/queue.hpp"

namespace {

struct Posted {
  flood::Queue queue;
  flood::Tally* tally = nullptr;
};

void on_async(uv_async_t* async) {
  auto* posted = static_cast<Posted*>(async->data);
  posted->queue.run();
  if (posted->tally->complete()) uv_stop(async->loop);
}

}  // namespace

int main() {
  uv_loop_t* loop = uv_default_loop();
  Posted posted;
  flood::Tally none;
  posted.tally = &none;
  uv_async_t async;
  uv_async_init(loop, &async, on_async);
  async.data = &posted;
  return flood::measure_post(
      [&](flood::Tally& tally, std::uint64_t number) {
        posted.queue.add([&tally, number] { tally.add(number); });
        uv_async_send(&async);
      },
      [&](flood::Tally& tally) {
        posted.tally = &tally;
        while (!tally.complete()) uv_run(loop, UV_RUN_DEFAULT);
      });
}
