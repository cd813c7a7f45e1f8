// SPDX-License-Identifier: MIT
//
// The chain on Asio with callbacks: a stream socket for each end, async_read_some for one byte,
// which is cancelled and begun anew to wait again.
#include <array>

#include <asio.hpp>

#include "bench/chain/chain.hpp"

namespace {

using Socket = asio::local::stream_protocol::socket;

class Asio {
 public:
  explicit Asio(chain::Chain& chain) : chain_(chain), bytes_(chain.size()) {
    for (std::size_t i = 0; i < chain_.size(); ++i) {
      readers_.emplace_back(context_, asio::local::stream_protocol(), chain_.reader(i));
      writers_.emplace_back(context_, asio::local::stream_protocol(), chain_.writer(i));
    }
    for (std::size_t i = 0; i < chain_.size(); ++i) read(i);
  }

  void wait_again() {
    for (std::size_t i = 0; i < readers_.size(); ++i) {
      readers_[i].cancel();
      read(i);
    }
  }

  void run() {
    context_.restart();
    context_.run();
  }

 private:
  void read(std::size_t pair) {
    readers_[pair].async_read_some(asio::buffer(bytes_[pair]),
                                   [this, pair](std::error_code error, std::size_t) {
                                     if (!error) on_read(pair);
                                   });
  }

  void on_read(std::size_t pair) {
    if (chain_.passes_on())
      writers_[chain_.after(pair)].write_some(asio::buffer(bytes_[pair]));
    else if (chain_.is_complete())
      context_.stop();
    read(pair);
  }

  chain::Chain& chain_;
  asio::io_context context_{1};
  std::vector<Socket> readers_, writers_;
  std::vector<std::array<char, 1>> bytes_;
};

}  // namespace

int main(int argc, char** argv) { return chain::measure<Asio>(argc, argv); }
