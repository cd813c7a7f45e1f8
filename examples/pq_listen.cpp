// SPDX-License-Identifier: MIT
//
// pq_listen CONNINFO SQL CHANNEL: the rows that SQL gives, then each notification that comes to
// CHANNEL, until SIGINT.
//
//     ./dev build
//     build/release/bin/examples/pq_listen "host=/run/postgresql" "select now()" news
//     psql -h /run/postgresql -c "notify news, 'hello'"
#include <cstdio>
#include <string>

#include "tocsin/adapters/pq/connection.hpp"
#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

/// A name in a statement cannot be a parameter: it is quoted.
std::string quoted(std::string name) {
  for (std::size_t at = 0; (at = name.find('"', at)) != name.npos; at += 2) name.insert(at, 1, '"');
  return '"' + name + '"';
}

Task<pq::Outcome<>> listen(Loop& loop, const char* conninfo, const char* sql, const char* channel) {
  auto connection = co_await pq::Connection::connect(loop, conninfo);
  if (!connection) co_return std::unexpected(connection.error());
  const auto listening = co_await connection->execute("listen " + quoted(channel));
  if (!listening) co_return std::unexpected(listening.error());
  const auto rows = co_await connection->execute(sql);
  if (!rows) co_return std::unexpected(rows.error());
  for (const pq::Row row : *rows)
    for (std::size_t i = 0; i < row.size(); ++i)
      std::printf("%s%c", std::string(row[i].value_or("NULL")).c_str(),
                  i + 1 < row.size() ? '\t' : '\n');
  while (true) {
    std::fflush(stdout);
    const auto told = co_await connection->next_notification();
    if (!told) co_return std::unexpected(told.error());
    std::printf("%s: %s\n", told->channel.c_str(), told->payload.c_str());
  }
}

Task<Result<>> report(Task<pq::Outcome<>> task) {
  const auto done = co_await std::move(task);
  if (done) co_return {};
  if (done.error() != Errno::cancelled)
    std::fprintf(stderr, "pq_listen: %s\n", done.error().message().c_str());
  co_return std::unexpected(done.error().number());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: pq_listen CONNINFO SQL CHANNEL\n", stderr);
    return 2;
  }
  return run([&](Loop& loop) { return report(listen(loop, argv[1], argv[2], argv[3])); }) ? 0 : 1;
}
