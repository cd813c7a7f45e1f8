// SPDX-License-Identifier: MIT
//
// init PROGRAM [ARGUMENT...]: runs a program as PID 1 of a container should: what the program
// leaves behind without a parent is waited for here, and said.
//
//     ./dev build && build/release/bin/examples/init sh -c '(exit 7) & exec true'
#include <cstdio>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

void print(const char* what, pid_t pid, const ExitStatus& status) {
  const bool by_signal = status.signal != 0;
  std::printf("%s %d: %s %d\n", what, pid, by_signal ? "signal" : "exit",
              by_signal ? status.signal : status.code);
  std::fflush(stdout);
}

Task<Result<>> init(Loop& loop, std::vector<std::string> arguments, int& code) {
  auto orphans = Orphans::create(loop);  // First: the program may leave some at once.
  if (!orphans) co_return std::unexpected(orphans.error());
  auto child = Child::spawn(loop, {.arguments = std::move(arguments), .orphans = &*orphans});
  if (!child) co_return std::unexpected(child.error());
  Scope scope(loop);
  on_each(scope, *orphans, [](const Orphan& one) { print("orphan", one.pid, one.status); });
  const auto status = co_await child->exited();
  if (!status) co_return std::unexpected(status.error());
  print("program", child->pid(), *status);
  code = status->signal != 0 ? 128 + status->signal : status->code;
  co_return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fputs("usage: init PROGRAM [ARGUMENT...]\n", stderr), 2;
  int code = 0;
  const auto done = run([&](Loop& loop) { return init(loop, {argv + 1, argv + argc}, code); });
  if (done) return code;
  std::fprintf(stderr, "init: %s: %s\n", argv[1], done.error().message().data());
  return 1;
}
