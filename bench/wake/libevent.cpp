// SPDX-License-Identifier: MIT
//
// Waking on libevent: event_active, from another thread once the library has been told of threads.
#include <event2/event.h>
#include <event2/thread.h>

#include "bench/wake/round_trip.hpp"

namespace {

class Libevent {
 public:
  explicit Libevent(wake::Side& side) : side_(side) {
    if (evthread_use_pthreads() != 0) std::abort();
    base_ = event_base_new();
    event_ = event_new(base_, -1, EV_PERSIST, on_active, this);
    if (base_ == nullptr || event_ == nullptr) std::abort();
  }

  void wake() { event_active(event_, EV_READ, 0); }
  void run() { event_base_loop(base_, EVLOOP_NO_EXIT_ON_EMPTY); }

 private:
  static void on_active(evutil_socket_t, short, void* data) {
    auto* const self = static_cast<Libevent*>(data);
    self->side_.woken();
    if (self->side_.is_done()) event_base_loopbreak(self->base_);
  }

  wake::Side& side_;
  event_base* base_;
  event* event_;
};

}  // namespace

int main(int argc, char** argv) { return wake::measure_wake<Libevent>(argc, argv); }
