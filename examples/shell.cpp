// SPDX-License-Identifier: MIT
//
// shell [PROGRAM [ARGUMENT...]]: a shell, or that, in a terminal of its own, as in script(1).
//
//     ./dev build && build/release/bin/examples/shell
#include <unistd.h>

#include <cstdio>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

Task<> carry_keys(Input from, Pty& to) {
  while (auto bytes = co_await from.read()) {
    // What is the end of a pipe is a key on a terminal: Ctrl-D.
    const ByteView typed = bytes->empty() ? as_bytes("\x04") : ByteView(*bytes);
    if (!co_await to.write_all(typed) || bytes->empty()) co_return;
  }
}

Task<Result<>> shell(Loop& loop, std::vector<std::string> arguments, int& status) {
  if (arguments.empty()) arguments = {"sh"};
  auto input = Input::create(loop, STDIN_FILENO);
  auto output = Output::create(loop, STDOUT_FILENO);
  if (!input || !output) co_return std::unexpected(input ? output.error() : input.error());
  const auto size = window_size(loop.kernel(), STDIN_FILENO);  // None where there is no terminal.
  auto pty = Pty::create(loop, size.value_or(WindowSize{.rows = 24, .columns = 80}));
  if (!pty) co_return std::unexpected(pty.error());
  auto child = pty->spawn({.arguments = std::move(arguments)});
  if (!child) co_return std::unexpected(child.error());
  const auto mode = TerminalMode::create(loop, STDIN_FILENO, {.mode = TerminalModeOptions::raw});
  auto changes = WindowChanges::create(loop, STDIN_FILENO);
  Scope carrying(loop, OnFailure::carry_on);  // Destroyed, with what it runs, when the child ends.
  carrying.spawn(carry_keys(std::move(*input), *pty));
  if (changes)
    on_each(carrying, *changes, [&](WindowSize now) { static_cast<void>(pty->resize(now)); });
  while (true) {
    auto bytes = co_await pty->read();
    if (!bytes) co_return std::unexpected(bytes.error());
    if (bytes->empty()) break;
    auto written = co_await output->write_all(*bytes);
    if (!written) co_return written;
  }
  const auto ended = co_await child->exited();
  if (!ended) co_return std::unexpected(ended.error());
  status = ended->signal != 0 ? 128 + ended->signal : ended->code;
  co_return {};
}

}  // namespace

int main(int argc, char** argv) {
  int status = 0;
  const auto done = run([&](Loop& loop) { return shell(loop, {argv + 1, argv + argc}, status); });
  if (!done) std::fprintf(stderr, "shell: %s\n", done.error().message().data());
  return done ? status : 1;
}
