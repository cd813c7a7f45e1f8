// SPDX-License-Identifier: MIT
//
// The chain on epoll(7) alone, edge-triggered: the kernel does not look again at a pair it has told
// of, and a read takes whatever is there, which was all once it is less than asked for. The least
// that can be done with three system calls, so the least a library can come to.
#include <sys/socket.h>

#include "bench/chain/raw_epoll.hpp"

namespace {

void read_all(chain::Chain& chain, std::size_t pair) {
  std::array<char, 64> bytes;
  std::size_t count = bytes.size();
  while (count == bytes.size()) {
    const ssize_t got = recv(chain.reader(pair), bytes.data(), bytes.size(), 0);
    if (got <= 0) return;
    count = static_cast<std::size_t>(got);
    for (std::size_t i = 0; i < count; ++i)
      if (chain.passes_on()) chain.write(chain.after(pair));
  }
}

}  // namespace

int main(int argc, char** argv) {
  return chain::measure<chain::RawEpoll<EPOLLIN | EPOLLET, read_all>>(argc, argv);
}
