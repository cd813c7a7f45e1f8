// SPDX-License-Identifier: MIT
//
// Exchange: a server and one client in one loop on the kernel under test, for tests of what goes
// over the wire.
//
// Thread rule: one thread.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/http/server.hpp"
#include "tocsin/kern/kernel_testing.hpp"
#include "tocsin/loop/loop.hpp"
#include "tocsin/task/scope.hpp"
#include "tocsin/task/sleep.hpp"

namespace tocsin::http {

class Exchange {
 public:
  explicit Exchange(const LoopOptions& loop = {})
      : loop_(Loop::create(kernel_under_test(), loop).value()) {}

  ServerOptions options;

  /// Whether the client says that it has finished after its last piece; if not, the server must be
  /// the one who closes.
  bool client_finishes = true;

  Loop& loop() { return *loop_; }

  /// Serves with `handler`, sends `pieces` one after the other, each read by itself, and answers
  /// all that came back until the server closed.
  template <class H>
  std::string operator()(H handler, std::vector<std::string> pieces) {
    heard_.clear();
    run(std::move(handler), [this, &pieces](TcpStream& stream) { return talk(stream, pieces); });
    return heard_;
  }

  /// Serves with `handler` while the task that `client` makes of a connection runs, then has the
  /// server drain.
  template <class H, class Client>
  void run(H handler, Client client) {
    auto listener = TcpListener::bind(*loop_, Address::loopback(0));
    ASSERT_TRUE(listener.has_value());
    const Address where = listener->local_address().value();
    Scope serving(*loop_, OnFailure::carry_on);
    serving.spawn(serve(std::move(*listener), std::move(handler), options));
    Scope clients(*loop_);
    clients.spawn(connect_and_run(where, client, serving));
    ASSERT_TRUE(loop_->run().has_value());
    EXPECT_EQ(serving.size(), 0u) << "the server did not end when it was told to";
  }

 private:
  template <class Client>
  Task<> connect_and_run(Address where, Client& client, Scope& serving) {
    {
      auto stream = co_await TcpStream::connect(*loop_, where);
      EXPECT_TRUE(stream.has_value());
      co_await client(*stream);
    }
    serving.cancel();
    static_cast<void>(co_await serving.join());
    loop_->stop();
  }

  Task<> talk(TcpStream& stream, const std::vector<std::string>& pieces) {
    for (const std::string& piece : pieces) {
      if (!co_await stream.write_all(as_bytes(piece))) break;
      // Two turns: the server has read this piece before the next one leaves.
      for (int i = 0; i < 2; ++i) static_cast<void>(co_await sleep_for(Duration::zero()));
    }
    if (client_finishes) static_cast<void>(stream.finish_writing());
    while (auto bytes = co_await stream.read()) {
      if (bytes->empty()) co_return;
      heard_ += as_text(*bytes);
    }
    ADD_FAILURE() << "the connection was reset, not closed";
  }

  std::unique_ptr<Loop> loop_;
  std::string heard_;
};

/// `text` without what differs from run to run: the Date line.
inline std::string without_date(std::string text) {
  for (std::size_t at; (at = text.find("Date: ")) != text.npos;)
    text.erase(at, text.find("\r\n", at) + 2 - at);
  return text;
}

}  // namespace tocsin::http
