// SPDX-License-Identifier: MIT
//
// unix_fds SOCKET         prints the files whose descriptors are sent to it, and who sent them
// unix_fds SOCKET FILE    opens FILE and sends its descriptor, which the receiver need not be able
//                         to open itself
//
//     ./dev build && build/release/bin/examples/unix_fds @files &
//     build/release/bin/examples/unix_fds @files /etc/hostname
#include <fcntl.h>

#include <array>
#include <cstdio>
#include <string>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

Task<Result<>> receive(Loop& loop, Address where) {
  auto socket = UnixDatagram::bind(loop, where);
  if (!socket) co_return std::unexpected(socket.error());
  if (auto done = socket->pass_credentials(); !done) co_return done;
  std::puts("ready");
  while (true) {
    std::fflush(stdout);
    const auto message = co_await socket->receive(1);
    if (!message) co_return std::unexpected(message.error());
    if (message->fds.empty() || !message->credentials) continue;
    std::array<std::byte, 512> room{};
    const auto count = loop.kernel().pread(message->fds[0].get(), room, 0).value_or(0);
    std::printf("pid %d sent %zu bytes: ", message->credentials->pid, count);
    std::fwrite(room.data(), 1, count, stdout);
  }  // The descriptor is closed with the message.
}

Task<Result<>> send(Loop& loop, Address where, const char* path) {
  const auto file = own(loop.kernel(), loop.kernel().openat(AT_FDCWD, path, O_RDONLY, 0));
  if (!file) co_return std::unexpected(file.error());
  auto socket = UnixDatagram::connect(loop, where);
  if (!socket) co_return std::unexpected(socket.error());
  const std::array fds{file->get()};
  co_return co_await socket->send(as_bytes(path), {.fds = fds});
}

}  // namespace

int main(int argc, char** argv) {
  const auto where = Address::parse(std::string("unix:") + (argc > 1 ? argv[1] : ""));
  if (argc < 2 || argc > 3 || !where) {
    std::fputs("usage: unix_fds SOCKET [FILE]\n", stderr);
    return 2;
  }
  const auto done = run(
      [&](Loop& loop) { return argc == 2 ? receive(loop, *where) : send(loop, *where, argv[2]); });
  if (done) return 0;
  std::fprintf(stderr, "unix_fds: %s\n", done.error().message().data());
  return 1;
}
