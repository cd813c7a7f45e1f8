// SPDX-License-Identifier: MIT
//
// futex_wait, futex_wake: sleep until a word changes (futex(2)).
//
//     waker: word = new; futex_wake(word)      sleeper: while (word == old) futex_wait(word, old)
//
// std::atomic's wait has no deadline, and std::counting_semaphore may not end before its release
// has returned. Here nothing but the address is used of the word that is woken, so it may be gone
// by then; somebody else who sleeps at that address may be woken for nothing, and looks again.
//
// Thread rule: any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "tocsin/base/time.hpp"

namespace tocsin {

/// Sleeps while `word` is `expected`: until futex_wake, `deadline` (of CLOCK_MONOTONIC; nullopt:
/// none) or for no reason. False if the deadline has passed.
bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                std::optional<TimePoint> deadline = std::nullopt);

/// Wakes one who sleeps there, if there is one.
void futex_wake(const std::atomic<std::uint32_t>& word);

}  // namespace tocsin
