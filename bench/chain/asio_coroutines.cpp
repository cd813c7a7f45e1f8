// SPDX-License-Identifier: MIT
//
// The chain on Asio with C++20 coroutines: one for each pair, which reads a byte and writes it on.
// To wait again, each is cancelled and another one begun.
#include <array>

#include <asio.hpp>

#include "bench/chain/chain.hpp"

namespace {

using asio::use_awaitable;
using Socket = asio::local::stream_protocol::socket;

class Asio {
 public:
  explicit Asio(chain::Chain& chain) : chain_(chain) {
    for (std::size_t i = 0; i < chain_.size(); ++i) {
      readers_.emplace_back(context_, asio::local::stream_protocol(), chain_.reader(i));
      writers_.emplace_back(context_, asio::local::stream_protocol(), chain_.writer(i));
    }
    begin_all();
  }

  void wait_again() {
    for (Socket& reader : readers_) reader.cancel();
    begin_all();
  }

  void run() {
    context_.restart();
    context_.run();
  }

 private:
  void begin_all() {
    for (std::size_t i = 0; i < chain_.size(); ++i)
      asio::co_spawn(context_, pass_on(i), asio::detached);
    context_.poll();  // Spawned coroutines begin in the loop.
    context_.restart();
  }

  asio::awaitable<void> pass_on(std::size_t pair) {
    std::array<char, 1> byte;
    try {
      while (true) {
        co_await readers_[pair].async_read_some(asio::buffer(byte), use_awaitable);
        if (chain_.passes_on())
          co_await writers_[chain_.after(pair)].async_write_some(asio::buffer(byte), use_awaitable);
        else if (chain_.is_complete())
          context_.stop();
      }
    } catch (const std::system_error&) {
      // Cancelled.
    }
  }

  chain::Chain& chain_;
  asio::io_context context_{1};
  std::vector<Socket> readers_, writers_;
};

}  // namespace

int main(int argc, char** argv) { return chain::measure<Asio>(argc, argv); }
