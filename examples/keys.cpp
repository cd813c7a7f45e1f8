// SPDX-License-Identifier: MIT
//
// keys: says which keys are pressed, and how large the window becomes, until q is. Kill it as you
// like, or stop it by Ctrl-Z: the terminal is as it was.
//
//     ./dev build && build/release/bin/examples/keys
#include <unistd.h>

#include <cstdio>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

Task<Result<>> print_sizes(WindowChanges changes) {
  while (true) {
    const auto size = co_await changes.next();
    if (!size) co_return std::unexpected(size.error());
    std::printf("%d rows, %d columns\n", size->rows, size->columns);
    std::fflush(stdout);
  }
}

Task<Result<>> print_keys(Loop& loop) {
  auto input = Input::create(loop, STDIN_FILENO);
  if (!input) co_return std::unexpected(input.error());
  Keys keys(std::move(*input));
  auto mode = TerminalMode::create(loop, STDIN_FILENO);
  if (!mode) co_return std::unexpected(mode.error());
  auto changes = WindowChanges::create(loop, STDIN_FILENO);
  if (!changes) co_return std::unexpected(changes.error());
  Scope helpers(loop);
  helpers.spawn(print_sizes(std::move(*changes)));
  helpers.spawn(mode->follow_stops(loop));
  std::puts("Press keys; q ends.");
  while (true) {
    std::fflush(stdout);
    const auto key = co_await keys.next();
    if (!key) co_return std::unexpected(key.error());
    if (to_string(*key) == "q") co_return {};
    std::puts(to_string(*key).c_str());
  }
}

}  // namespace

int main() {
  const auto done = run(print_keys);
  if (done) return 0;
  std::fprintf(stderr, "keys: %s\n", done.error().message().data());
  return 1;
}
