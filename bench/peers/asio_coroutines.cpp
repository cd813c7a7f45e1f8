// SPDX-License-Identifier: MIT
//
// The peer on Asio with C++20 coroutines: the library's own example
// cpp20/coroutines/echo_server.cpp in manner. A connection is a coroutine with its socket and its
// buffer of 1,024 bytes in its frame; as in the example, an error is an exception, and ends it.
#include <array>
#include <cstdlib>
#include <iostream>
#include <utility>

#include <asio.hpp>

#include "bench/peers/peer.h"

namespace {

using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;

awaitable<void> echo(tcp::socket socket) {
  try {
    socket.set_option(tcp::no_delay(true));
    std::array<char, 1024> data;
    for (;;) {
      const std::size_t size = co_await socket.async_read_some(asio::buffer(data), use_awaitable);
      co_await asio::async_write(socket, asio::buffer(data, size), use_awaitable);
    }
  } catch (const std::system_error&) {
    // The peer has finished or has gone.
  }
}

awaitable<void> listen(tcp::endpoint where) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::acceptor acceptor(executor, where);
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(use_awaitable);
    asio::co_spawn(executor, echo(std::move(socket)), asio::detached);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const sockaddr_in address = peer_address(argc, argv);
  try {
    asio::io_context context(
        1);  // One thread: the hint that lets Asio leave out some of its locks.
    asio::signal_set signals(context, SIGTERM, SIGINT);
    signals.async_wait([&](auto, auto) { context.stop(); });
    const asio::ip::address_v4 host(ntohl(address.sin_addr.s_addr));
    const tcp::endpoint where(host, ntohs(address.sin_port));
    asio::co_spawn(context, listen(where), [](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
    });
    context.run();
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
