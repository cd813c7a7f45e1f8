// SPDX-License-Identifier: MIT
//
// mounts: prints what is mounted and unmounted from now on, until SIGTERM.
//
//     ./dev build && build/release/bin/examples/mounts &
//     mount -t tmpfs none /mnt; umount /mnt
#include <cstdio>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

char sign(MountChange::Kind kind) {
  if (kind == MountChange::Kind::added) return '+';
  return kind == MountChange::Kind::removed ? '-' : '~';
}

Task<Result<>> print_changes(Loop& loop) {
  auto mounts = Mounts::create(loop);
  if (!mounts) co_return std::unexpected(mounts.error());
  std::printf("%zu mounts\n", mounts->mounts().size());
  std::fflush(stdout);
  while (true) {
    const auto changes = co_await mounts->next();
    if (!changes) co_return std::unexpected(changes.error());
    for (const auto& [kind, mount] : *changes)
      std::printf("%c %s %s %s\n", sign(kind), mount.point.c_str(), mount.type.c_str(),
                  mount.options.c_str());
    std::fflush(stdout);
  }
}

}  // namespace

int main() {
  const auto done = run(print_changes);
  if (done) return 0;
  std::fprintf(stderr, "mounts: %s\n", done.error().message().data());
  return 1;
}
