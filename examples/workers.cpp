// SPDX-License-Identifier: MIT
//
// workers HOST:PORT COUNT reuse_port|exclusive|hand_over: an echo server with a thread for each
// worker, until SIGINT or SIGTERM; then it says how many connections each of them had.
//
//     ./dev build && build/release/bin/examples/workers 127.0.0.1:7000 4 exclusive
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {
Task<> echo(TcpStream peer) {
  while (auto bytes = co_await peer.read())
    if (bytes->empty() || !co_await peer.write_all(*bytes)) co_return;
}

Task<> serve(Loop& loop, TcpListener listener) {
  Scope connections(loop);
  while (auto peer = co_await listener.accept()) connections.spawn(echo(std::move(*peer)));
}

Task<Result<>> run_workers(Loop& loop, Address where, std::size_t count, Sharing sharing) {
  std::vector<std::unique_ptr<Loop>> owned(count);
  std::vector<Loop*> loops(count);
  for (std::size_t i = 0; i < count; ++i) loops[i] = (owned[i] = Loop::create().value()).get();
  auto shared = SharedListener::bind(loop, loops, where, sharing);
  if (!shared) co_return std::unexpected(shared.error());
  std::printf("listening on %s\n", shared->local_address().text().c_str());
  std::fflush(stdout);
  std::vector<std::jthread> threads(count);
  for (std::size_t i = 0; i < count; ++i)
    threads[i] = std::jthread([&mine = *loops[i], listener = shared->take(i)]() mutable {
      Scope scope(mine);
      scope.spawn(serve(mine, std::move(listener)));
      static_cast<void>(mine.run());
    });
  while (auto slept = co_await sleep_for(std::chrono::hours(1))) continue;  // Till cancelled.
  for (Loop* const one : loops) one->stop();
  threads.clear();  // Joins them.
  for (const auto accepted : shared->accepted())
    std::printf("%llu ", static_cast<unsigned long long>(accepted));
  std::printf("imbalance %.2f\n", imbalance_of(shared->accepted()));
  co_return {};
}

}  // namespace

int main(int argc, char** argv) {
  const auto where = Address::parse(argc == 4 ? argv[1] : "");
  const auto count = argc == 4 ? std::strtoul(argv[2], nullptr, 10) : 0;
  for (const Sharing one : {Sharing::reuse_port, Sharing::exclusive, Sharing::hand_over})
    if (where && count > 0 && name_of(one) == argv[3])
      return run([&](Loop& loop) { return run_workers(loop, *where, count, one); }) ? 0 : 1;
  std::fputs("usage: workers HOST:PORT COUNT reuse_port|exclusive|hand_over\n", stderr);
  return 2;
}
