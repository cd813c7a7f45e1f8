// SPDX-License-Identifier: MIT
//
// A stranger's program with an adapter: that and its other library are found and linked.
#include <tocsin/adapters/pq/connection.hpp>
#include <tocsin/source/run.hpp>

int main() {
  const auto refused = tocsin::run([](tocsin::Loop& loop) -> tocsin::Task<tocsin::Result<>> {
    const auto connection = co_await tocsin::pq::Connection::connect(loop, "host=/nowhere");
    if (connection) co_return {};
    co_return std::unexpected(connection.error().number());
  });
  return !refused && refused.error() == tocsin::Errno{ENOTCONN} ? 0 : 1;
}
