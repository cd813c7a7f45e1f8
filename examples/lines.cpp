// SPDX-License-Identifier: MIT
//
// lines: numbers the lines of its standard input, whatever that is: a terminal, a pipe, a socket, a
// file, /dev/null. None of them is made non-blocking for the others that hold it.
//
//     ./dev build && build/release/bin/examples/lines < README.md
#include <unistd.h>

#include <cstdio>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

Task<Result<>> number_lines(Loop& loop) {
  auto input = Input::create(loop, STDIN_FILENO);
  if (!input) co_return std::unexpected(input.error());
  auto output = Output::create(loop, STDOUT_FILENO);
  if (!output) co_return std::unexpected(output.error());
  for (int number = 1;; ++number) {
    auto line = co_await input->read_line();
    if (!line) co_return std::unexpected(line.error());
    if (line->empty()) co_return {};  // The end. An empty line has its newline still.
    const std::string numbered = std::to_string(number) + "\t" + *line;
    auto written = co_await output->write_all(as_bytes(numbered));
    if (!written) co_return written;
  }
}

}  // namespace

int main() {
  const auto done = run(number_lines);
  if (done) return 0;
  std::fprintf(stderr, "lines: %s\n", done.error().message().data());
  return 1;
}
