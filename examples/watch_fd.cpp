// SPDX-License-Identifier: MIT
//
// watch_fd PATH...: prints what happens to files that no source was written for: devices, FIFOs,
// files of the kernel's own; each news once (edge-triggered), until SIGTERM.
//
//     ./dev build && build/release/bin/examples/watch_fd /proc/self/mounts /dev/input/event0
#include <fcntl.h>

#include <cstdio>
#include <span>
#include <string>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

std::string words(Ready ready) {
  std::string text;
  if (any(ready, Ready::read)) text += " read";
  if (any(ready, Ready::priority)) text += " priority";
  if (any(ready, Ready::error)) text += " error";
  if (any(ready, Ready::hangup)) text += " hangup";
  return text;
}

Task<Result<>> watch_path(Loop& loop, const char* path) {
  Kernel& kernel = loop.kernel();
  const auto fd = own(kernel, kernel.openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0));
  if (!fd) co_return std::unexpected(fd.error());
  const auto watch = Watch::create(loop, fd->get(), Ready::read | Ready::priority,
                                   {.trigger = Trigger::edge}, "watch_fd");
  if (!watch) co_return std::unexpected(watch.error());  // EPERM: it is always ready.
  while (true) {
    const auto ready = co_await (*watch)->next();
    if (!ready) co_return std::unexpected(ready.error());
    std::printf("%s:%s\n", path, words(*ready).c_str());
    std::fflush(stdout);
  }
}

Task<Result<>> watch_all(Loop& loop, std::span<char*> paths) {
  Scope scope(loop);
  for (const char* const path : paths) scope.spawn(watch_path(loop, path));
  co_return co_await scope.join();
}

}  // namespace

int main(int argc, char** argv) {
  const std::span paths(argv + 1, argv + argc);
  const auto done = run([&](Loop& loop) { return watch_all(loop, paths); });
  if (done) return 0;
  std::fprintf(stderr, "watch_fd: %s\n", done.error().message().data());
  return 1;
}
