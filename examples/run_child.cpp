// SPDX-License-Identifier: MIT
//
// run_child PROGRAM [ARGUMENT...]: runs a program for ten seconds at most, and says which line came
// on which of its outputs, and how it ended.
//
//     ./dev build && build/release/bin/examples/run_child sh -c 'echo one; echo two >&2; exit 3'
#include <signal.h>

#include <cstdio>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

Task<Result<>> print_lines(Input from, const char* name) {
  while (true) {
    auto line = co_await from.read_line();
    if (!line) co_return std::unexpected(line.error());
    if (line->empty()) co_return {};
    if (line->back() == '\n') line->pop_back();
    std::printf("%s: %s\n", name, line->c_str());
    std::fflush(stdout);
  }
}

Task<Result<>> run_child(Loop& loop, std::vector<std::string> arguments) {
  auto child = Child::spawn(
      loop, {.arguments = std::move(arguments),
             .fds = {ChildFd::null(0), ChildFd::writable_pipe(1), ChildFd::writable_pipe(2)}});
  if (!child) co_return std::unexpected(child.error());
  auto output = Input::create(loop, child->take_pipe(1));
  auto errors = Input::create(loop, child->take_pipe(2));
  if (!output || !errors) co_return std::unexpected(output ? errors.error() : output.error());
  Scope printing(loop);
  printing.spawn(print_lines(std::move(*output), "out"));
  printing.spawn(print_lines(std::move(*errors), "err"));

  auto status = co_await timeout(std::chrono::seconds(10), child->exited());
  if (!status && status.error() == Errno::timed_out && child->signal(SIGTERM))
    status = co_await child->exited();
  if (!status) co_return std::unexpected(status.error());
  auto printed = co_await printing.join();
  if (!printed) co_return printed;
  std::printf(status->signal != 0 ? "signal %d\n" : "exit %d\n",
              status->signal != 0 ? status->signal : status->code);
  co_return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fputs("usage: run_child PROGRAM [ARGUMENT...]\n", stderr), 2;
  const auto done = run([&](Loop& loop) { return run_child(loop, {argv + 1, argv + argc}); });
  if (done) return 0;
  std::fprintf(stderr, "run_child: %s: %s\n", argv[1], done.error().message().data());
  return 1;
}
