// SPDX-License-Identifier: MIT
//
// The chain on libuv: a uv_poll_t for each reading end, stopped and started to wait again.
#include <uv.h>

#include "bench/chain/chain.hpp"

namespace {

struct Pair {
  uv_poll_t poll;  // First, so that a pointer to it is one to the pair.
  chain::Chain* chain;
  std::size_t index;
};

void on_readable(uv_poll_t* poll, int, int) {
  const auto* const pair = reinterpret_cast<Pair*>(poll);
  pair->chain->on_readable(pair->index);
  if (pair->chain->is_complete()) uv_stop(poll->loop);
}

class Libuv {
 public:
  explicit Libuv(chain::Chain& chain) : pairs_(chain.size()) {
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      pairs_[i].chain = &chain;
      pairs_[i].index = i;
      if (uv_poll_init(uv_default_loop(), &pairs_[i].poll, chain.reader(i)) != 0)
        chain::fail("uv_poll_init");
      uv_poll_start(&pairs_[i].poll, UV_READABLE, on_readable);
    }
  }

  void wait_again() {
    for (Pair& pair : pairs_) {
      uv_poll_stop(&pair.poll);
      uv_poll_start(&pair.poll, UV_READABLE, on_readable);
    }
  }

  void run() { uv_run(uv_default_loop(), UV_RUN_DEFAULT); }

 private:
  std::vector<Pair> pairs_;
};

}  // namespace

int main(int argc, char** argv) { return chain::measure<Libuv>(argc, argv); }
