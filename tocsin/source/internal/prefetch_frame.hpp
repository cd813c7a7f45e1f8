// SPDX-License-Identifier: MIT
//
// prefetch_frame: has the cache fetch the coroutine that is about to be resumed.
//
//     Loop, some events ahead ──> Source::prefetch ──> [ prefetch_frame ]
//
// An operation lies in the middle of its coroutine's frame, most of which the coroutine will touch:
// of an echo, a hundred bytes before it and two hundred behind; and behind the frame, as a rule,
// lies the Context it runs in. A guess: a line too many costs little, and nothing is read. Whole
// numbers, because these addresses need not be the operation's.
//
// Thread rule: any.
#pragma once

#include <cstdint>

namespace tocsin::internal {

/// `operation` is what the coroutine awaits. Null: there is none.
inline void prefetch_frame(const void* operation) {
  constexpr std::uintptr_t line = 64;
  constexpr std::uintptr_t before = 104;
  if (operation == nullptr) return;
  const auto frame = reinterpret_cast<std::uintptr_t>(operation) - before;
  for (std::uintptr_t offset = 0; offset < 7 * line; offset += line)
    __builtin_prefetch(reinterpret_cast<const void*>(frame + offset));
}

}  // namespace tocsin::internal
