// SPDX-License-Identifier: MIT
//
// sandbox PROGRAM [ARGUMENTS]: runs PROGRAM and tells which files it opens. One that it opens to
// write is not that file: it is given memory instead, and nothing is written anywhere. (It watches
// openat(2), the call of the C library. A sandbox for enemies refuses the others.)
//
//     ./dev build && build/release/bin/examples/sandbox sh -c 'echo hello > /etc/passwd'
#include <fcntl.h>
#include <sys/syscall.h>

#include <cstdio>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

// In the thread that the filter is in force for: what it starts inherits that.
void start(Kernel& kernel, char** command) {
  const SpawnRequest::Placed standard[] = {{0, 0}, {1, 1}, {2, 2}};
  const auto made =
      kernel.pidfd_spawn({.program = command[0], .arguments = command, .descriptors = standard});
  if (!made) std::fprintf(stderr, "%s: %s\n", command[0], made.error().message().data());
  if (!made) return;
  const Fd pidfd(kernel, made->pidfd);
  siginfo_t end;
  static_cast<void>(kernel.waitid(P_PID, static_cast<id_t>(made->pid), end, WEXITED));
}

Task<Result<>> supervise(Loop& loop, char** command) {
  const auto memory = own(loop.kernel(), loop.kernel().memfd_create("written", MFD_CLOEXEC));
  if (!memory) co_return std::unexpected(memory.error());
  auto sandbox =
      SeccompListener::supervise(loop, SeccompFilter().on({SYS_openat}, SeccompAction::notify()),
                                 [&loop, command] { start(loop.kernel(), command); });
  if (!sandbox) co_return std::unexpected(sandbox.error());
  while (true) {
    const auto call = co_await sandbox->next();
    if (!call) co_return std::unexpected(call.error());
    const int flags = static_cast<int>(call->arguments[2]);  // Unlike the path it cannot change.
    const bool writes = (flags & (O_ACCMODE | O_CREAT | O_TRUNC)) != 0;
    const auto path = sandbox->read_text(*call, call->arguments[1]);
    if (path) std::fprintf(stderr, "%s %s\n", writes ? "instead of" : "reads", path->c_str());
    // They fail if the program was killed meanwhile.
    if (writes) static_cast<void>(sandbox->give_fd(*call, memory->get(), flags & O_CLOEXEC));
    if (!writes) static_cast<void>(sandbox->allow(*call));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fputs("usage: sandbox PROGRAM [ARGUMENTS]\n", stderr), 2;
  const auto done = run([&](Loop& loop) { return supervise(loop, argv + 1); });
  if (done || done.error() == Errno{ESRCH}) return 0;  // Everybody has gone.
  std::fprintf(stderr, "sandbox: %s\n", done.error().message().data());
  return 1;
}
