// SPDX-License-Identifier: MIT
//
// CHECK: what the programmer did wrong ends the program, in every build.
//
// What the world does (a peer that leaves, a full disk) is a value: see result.hpp. A CHECK is for
// what no input can cause in a correct program: a token removed twice, a task awaited twice. It
// prints the condition, the reason and the place to stderr and calls abort(3), so that a core dump
// shows the culprit's stack. It is the only thing in the library that prints.
//
// Thread rule: any thread.
#pragma once

#include <source_location>

namespace tocsin::internal {

[[noreturn, gnu::cold]] void check_failed(const char* condition, const char* reason,
                                          const std::source_location& where);

}  // namespace tocsin::internal

/// Ends the program unless `condition` holds. `reason` is a sentence for the one who reads the
/// message: what was violated, in the caller's words.
#define CHECK(condition, reason)                                                             \
  do {                                                                                       \
    if (!(condition)) [[unlikely]]                                                           \
      ::tocsin::internal::check_failed(#condition, reason, std::source_location::current()); \
  } while (false)
