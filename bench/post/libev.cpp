// SPDX-License-Identifier: MIT
//
// Posting on libev: a locked queue and ev_async_send, which wakes the loop once for many sends.
#include <ev.h>

#include "bench/post/flood.hpp"
#include "bench/post/queue.hpp"

namespace {

struct Posted {
  ev_async async;  // First, so that a pointer to it is one to the structure.
  flood::Queue queue;
  flood::Tally* tally = nullptr;
};

void on_async(struct ev_loop* loop, ev_async* async, int) {
  auto* posted = reinterpret_cast<Posted*>(async);
  posted->queue.run();
  if (posted->tally->complete()) ev_break(loop, EVBREAK_ONE);
}

}  // namespace

int main() {
  struct ev_loop* loop = ev_default_loop(EVBACKEND_EPOLL);
  Posted posted;
  ev_async_init(&posted.async, on_async);
  ev_async_start(loop, &posted.async);
  flood::Tally none;
  posted.tally = &none;
  return flood::measure_post(
      [&](flood::Tally& tally, std::uint64_t number) {
        posted.queue.add([&tally, number] { tally.add(number); });
        ev_async_send(loop, &posted.async);
      },
      [&](flood::Tally& tally) {
        posted.tally = &tally;
        while (!tally.complete()) ev_run(loop, 0);
      });
}
