// SPDX-License-Identifier: MIT
//
// What tests of programs in a terminal need: what somebody types, and what is shown.
//
//     test ──type──> Pty ──> program ──> Pty ──shown_until──> test
//
// Ownership: the Pty and the Child are the test's, and outlive the tasks. Thread rule: the loop's
// thread.
#pragma once

#include <string>

#include "tocsin/source/child.hpp"
#include "tocsin/source/pty.hpp"

namespace tocsin {

inline Task<Result<ExitStatus>> exit_of(Child& child) { co_return co_await child.exited(); }

inline Task<Result<>> type_into(Pty& pty, std::string text) {
  co_return co_await pty.write_all(as_bytes(text));
}

/// What is shown, until `end` is among it or there is no more.
inline Task<Result<std::string>> shown_until(Pty& pty, std::string end) {
  std::string all;
  while (all.find(end) == all.npos) {
    const auto bytes = co_await pty.read();
    if (!bytes) co_return std::unexpected(bytes.error());
    if (bytes->empty()) break;
    all += as_text(*bytes);
  }
  co_return all;
}

}  // namespace tocsin
