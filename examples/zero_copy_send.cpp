// SPDX-License-Identifier: MIT
//
// zero_copy_send HOST:PORT: sends 64 MB from two buffers that the kernel reads without copying
// them; each is filled again when the kernel has done with it.
//
//     nc -l 7000 > /dev/null & ./dev build && build/release/bin/examples/zero_copy_send :7000
#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

constexpr std::size_t buffer_size = 1024 * 1024;
constexpr std::uint64_t rounds = 64;

Task<Result<>> send_all(Loop& loop, Address where) {
  auto stream = co_await TcpStream::connect(loop, where);
  if (!stream) co_return std::unexpected(stream.error());
  auto sender = ZeroCopySender::create(*stream);
  if (!sender) co_return std::unexpected(sender.error());

  std::array<std::vector<std::byte>, 2> buffers;
  for (auto& buffer : buffers) buffer.resize(buffer_size);
  std::array<bool, 2> busy{};  // The kernel reads from it.
  std::uint64_t done = 0;
  std::uint64_t copied = 0;
  for (std::uint64_t i = 0; i < rounds || done < rounds;) {
    if (i < rounds && !busy[i % busy.size()]) {  // The next one is ours.
      auto& mine = buffers[i % busy.size()];
      busy[i++ % busy.size()] = true;
      std::ranges::fill(mine, static_cast<std::byte>(i));
      const auto sent = co_await sender->send(mine);
      if (!sent) co_return std::unexpected(sent.error());
      continue;
    }
    const auto told = co_await sender->next();
    if (!told) co_return std::unexpected(told.error());
    busy[told->send % busy.size()] = false;
    ++done;
    if (told->copied) ++copied;
  }
  std::printf("%llu sends of %zu bytes; the kernel copied %llu\n",
              static_cast<unsigned long long>(done), buffer_size,
              static_cast<unsigned long long>(copied));
  co_return {};
}

}  // namespace

int main(int argc, char** argv) {
  const auto where = Address::parse(argc == 2 ? argv[1] : "");
  if (where) return run([&](Loop& loop) { return send_all(loop, *where); }) ? 0 : 1;
  std::fputs("usage: zero_copy_send HOST:PORT\n", stderr);
  return 2;
}
