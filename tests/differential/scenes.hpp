// SPDX-License-Identifier: MIT
//
// Scenes: beginnings from which much is near that random calls seldom come to.
//
//     generator ──scene, now and then──> its ops, filled up at random ──> ... and on from there
//
// Only what has to fit together is given: slots, and that epoll_ctl(2) adds. All else is drawn, so
// a scene is as many situations as there are values.
//
// Thread rule: constants; any thread.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <span>

#include "tests/differential/op.hpp"

namespace tocsin::differential {

/// Of an operand that is drawn as always.
inline constexpr std::int64_t drawn = INT64_MIN;

struct Step {
  const char* op;
  Values values;
};

/// Who shares a receiver's queue, and waits for room in it.
inline constexpr std::array<Step, 7> shared_receiver{{
    {"star", {0, 1, 2, drawn, drawn, drawn}},
    {"epoll_create1", {3, drawn}},
    {"epoll_ctl", {3, EPOLL_CTL_ADD, 1, drawn, drawn}},
    {"epoll_wait", {3, 64}},
    {"flood", {2, drawn, drawn}},
    {"poll", {1, drawn, 4, drawn, 4, drawn}},
    {"recv", {0, drawn, drawn}},
}};

/// One description under two numbers in one epoll; both have been reported, and something happens.
inline constexpr std::array<Step, 9> registered_twice{{
    {"socketpair", {0, 1, drawn, drawn}},
    {"dup", {2, 0}},
    {"epoll_create1", {3, drawn}},
    {"epoll_ctl", {3, EPOLL_CTL_ADD, 0, drawn, drawn}},
    {"epoll_ctl", {3, EPOLL_CTL_ADD, 2, drawn, drawn}},
    {"write", {1, drawn, drawn}},
    {"epoll_wait", {3, 64}},
    {"shutdown", {1, drawn}},
    {"epoll_ctl", {3, EPOLL_CTL_MOD, 2, drawn, drawn}},
}};

inline constexpr std::array<std::span<const Step>, 2> scenes{shared_receiver, registered_twice};

}  // namespace tocsin::differential
