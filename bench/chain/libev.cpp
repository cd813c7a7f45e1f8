// SPDX-License-Identifier: MIT
//
// The chain on libev: an ev_io for each reading end, stopped and started to wait again.
#include <ev.h>

#include "bench/chain/chain.hpp"

namespace {

struct Pair {
  ev_io io;  // First, so that a pointer to it is one to the pair.
  chain::Chain* chain;
  std::size_t index;
};

void on_readable(struct ev_loop* loop, ev_io* io, int) {
  const auto* const pair = reinterpret_cast<Pair*>(io);
  pair->chain->on_readable(pair->index);
  if (pair->chain->is_complete()) ev_break(loop, EVBREAK_ALL);
}

class Libev {
 public:
  explicit Libev(chain::Chain& chain)
      : loop_(ev_default_loop(EVBACKEND_EPOLL)), pairs_(chain.size()) {
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      pairs_[i].chain = &chain;
      pairs_[i].index = i;
      ev_io_init(&pairs_[i].io, on_readable, chain.reader(i), EV_READ);
      ev_io_start(loop_, &pairs_[i].io);
    }
  }

  void wait_again() {
    for (Pair& pair : pairs_) {
      ev_io_stop(loop_, &pair.io);
      ev_io_set(&pair.io, pair.io.fd, EV_READ);
      ev_io_start(loop_, &pair.io);
    }
  }

  void run() { ev_run(loop_, 0); }

 private:
  struct ev_loop* loop_;
  std::vector<Pair> pairs_;
};

}  // namespace

int main(int argc, char** argv) { return chain::measure<Libev>(argc, argv); }
