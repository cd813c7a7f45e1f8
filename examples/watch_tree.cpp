// SPDX-License-Identifier: MIT
//
// watch_tree PATH [inotify|fanotify]: tells what happens to a file, or in a whole tree.
//
//     ./dev build && build/release/bin/examples/watch_tree /etc
//     (elsewhere) touch /etc/motd
#include <cstdio>
#include <string_view>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

Task<Result<>> watch(Loop& loop, const char* path, WatchBackend backend) {
  auto changes = FileWatch::create(loop, path, {.backend = backend, .recursive = true});
  if (!changes) {
    const auto limit = limit_behind(backend, changes.error());
    if (!limit.empty()) std::fprintf(stderr, "watch_tree: the limit is %s\n", limit.data());
    co_return std::unexpected(changes.error());
  }
  const bool by_fanotify = changes->backend() == WatchBackend::fanotify;
  std::printf("watching %s, by %s\n", path, by_fanotify ? "fanotify" : "inotify");

  while (true) {
    std::fflush(stdout);
    auto change = co_await changes->next();
    if (!change) co_return std::unexpected(change.error());
    std::printf("%s ", name_of(change->kind).data());
    if (!change->from.empty()) std::printf("%s -> ", change->from.c_str());
    std::printf("%s%s\n", change->path.c_str(), change->is_directory ? "/" : "");
    if (change->error) std::printf("  because of %s\n", change->error->message().data());
    if (change->kind == ChangeKind::overflow) std::puts("  some changes were lost: look again");
  }
}

WatchBackend backend_of(std::string_view word) {
  if (word == "inotify") return WatchBackend::inotify;
  return word == "fanotify" ? WatchBackend::fanotify : WatchBackend::automatic;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fputs("usage: watch_tree PATH [inotify|fanotify]\n", stderr);
    return 2;
  }
  const WatchBackend backend = backend_of(argc == 3 ? argv[2] : "");
  const auto done = run([&](Loop& loop) { return watch(loop, argv[1], backend); });
  if (done) return 0;
  std::fprintf(stderr, "watch_tree: %s: %s\n", argv[1], done.error().message().data());
  return 1;
}
