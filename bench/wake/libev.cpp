// SPDX-License-Identifier: MIT
//
// Waking on libev: ev_async_send.
#include <ev.h>

#include "bench/wake/round_trip.hpp"

namespace {

class Libev {
 public:
  explicit Libev(wake::Side& side) : side_(side), loop_(ev_loop_new(EVBACKEND_EPOLL)) {
    ev_async_init(&async_, on_async);
    async_.data = this;
    ev_async_start(loop_, &async_);
  }

  void wake() { ev_async_send(loop_, &async_); }
  void run() { ev_run(loop_, 0); }

 private:
  static void on_async(struct ev_loop* loop, ev_async* async, int) {
    wake::Side& side = static_cast<Libev*>(async->data)->side_;
    side.woken();
    if (side.is_done()) ev_break(loop, EVBREAK_ALL);
  }

  wake::Side& side_;
  struct ev_loop* loop_;
  ev_async async_;
};

}  // namespace

int main(int argc, char** argv) { return wake::measure_wake<Libev>(argc, argv); }
