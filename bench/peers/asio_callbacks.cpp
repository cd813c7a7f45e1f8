// SPDX-License-Identifier: MIT
//
// The peer on Asio with callbacks: the library's own example async_tcp_echo_server.cpp in manner. A
// session owns its socket and its buffer of 1,024 bytes and is kept alive by the handler that
// waits.
#include <array>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <utility>

#include <asio.hpp>

#include "bench/peers/peer.h"

namespace {

using asio::ip::tcp;

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(tcp::socket socket) : socket_(std::move(socket)) {}

  void read() {
    socket_.async_read_some(asio::buffer(data_),
                            [self = shared_from_this()](std::error_code error, std::size_t size) {
                              if (!error) self->write(size);
                            });
  }

 private:
  void write(std::size_t size) {
    asio::async_write(socket_, asio::buffer(data_, size),
                      [self = shared_from_this()](std::error_code error, std::size_t) {
                        if (!error) self->read();
                      });
  }

  tcp::socket socket_;
  std::array<char, 1024> data_;
};

void accept(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](std::error_code error, tcp::socket socket) {
    if (!error) {
      socket.set_option(tcp::no_delay(true), error);
      std::make_shared<Session>(std::move(socket))->read();
    }
    accept(acceptor);
  });
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
    tcp::acceptor acceptor(context, tcp::endpoint(host, ntohs(address.sin_port)));
    accept(acceptor);
    context.run();
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
