// SPDX-License-Identifier: MIT
//
// The chain on epoll(7) alone, level-triggered, as most libraries have it.
#include "bench/chain/raw_epoll.hpp"

namespace {

void read_one(chain::Chain& chain, std::size_t pair) { chain.on_readable(pair); }

}  // namespace

int main(int argc, char** argv) {
  return chain::measure<chain::RawEpoll<EPOLLIN, read_one>>(argc, argv);
}
