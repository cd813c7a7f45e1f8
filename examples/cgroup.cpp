// SPDX-License-Identifier: MIT
//
// cgroup FOLDER: says whether anything lives in a control group, and whether it stands still, each
// time that this changes, until SIGTERM.
//
//     mkdir /sys/fs/cgroup/mine && build/release/bin/examples/cgroup /sys/fs/cgroup/mine &
//     sh -c 'echo 0 > /sys/fs/cgroup/mine/cgroup.procs; sleep 1'; rmdir /sys/fs/cgroup/mine
#include <cerrno>
#include <cstdio>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

void print(const CgroupState& state) {
  std::printf("%s%s\n", state.populated ? "populated" : "empty", state.frozen ? ", frozen" : "");
  std::fflush(stdout);
}

Task<Result<>> print_states(Loop& loop, const char* folder) {
  auto events = CgroupEvents::create(loop, folder);
  if (!events) co_return std::unexpected(events.error());
  print(events->state());
  while (true) {
    const auto state = co_await events->next();
    if (!state) co_return std::unexpected(state.error());
    print(*state);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("usage: cgroup FOLDER\n", stderr), 2;
  const auto done = run([&](Loop& loop) { return print_states(loop, argv[1]); });
  if (done) return 0;
  const char* const reason = done.error() == Errno{ENOENT}
                                 ? "no group of cgroup v2, or the root, which has no events"
                                 : done.error().message().data();
  std::fprintf(stderr, "cgroup: %s: %s\n", argv[1], reason);
  return 1;
}
