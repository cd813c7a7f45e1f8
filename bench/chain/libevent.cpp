// SPDX-License-Identifier: MIT
//
// The chain on libevent: a persistent event for each reading end, deleted and added to wait again.
#include <event2/event.h>

#include "bench/chain/chain.hpp"

namespace {

struct Pair {
  chain::Chain* chain;
  event_base* base;
  std::size_t index;
};

void on_readable(evutil_socket_t, short, void* data) {
  const auto* const pair = static_cast<Pair*>(data);
  pair->chain->on_readable(pair->index);
  if (pair->chain->is_complete()) event_base_loopbreak(pair->base);
}

class Libevent {
 public:
  explicit Libevent(chain::Chain& chain) : base_(event_base_new()), pairs_(chain.size()) {
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      pairs_[i] = {&chain, base_, i};
      event* const one =
          event_new(base_, chain.reader(i), EV_READ | EV_PERSIST, on_readable, &pairs_[i]);
      if (one == nullptr || event_add(one, nullptr) != 0) chain::fail("event_add");
      events_.push_back(one);
    }
  }

  void wait_again() {
    for (event* const one : events_)
      if (event_del(one) != 0 || event_add(one, nullptr) != 0) chain::fail("event_add");
  }

  void run() { event_base_dispatch(base_); }

 private:
  event_base* base_;
  std::vector<Pair> pairs_;
  std::vector<event*> events_;
};

}  // namespace

int main(int argc, char** argv) { return chain::measure<Libevent>(argc, argv); }
