// SPDX-License-Identifier: MIT
//
// What things outside a descriptor table are called in a sequence: sockets, queues, files.
//
// Names that all processes of a machine share hold the number of the process, so that several
// fuzzers can run at once; both kernels are given the same ones.
//
// Thread rule: any thread.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <string>

namespace tocsin::differential {

/// So many of each.
inline constexpr int names_each = 3;

/// How many sequences this process has performed: sockets that a sequence leaves in flight to one
/// another are collected some time later, and keep their names until then.
inline unsigned& sequence_number() {
  static unsigned number = 0;
  return number;
}

inline std::string queue_name(std::int64_t which) {
  return "/tocsin-" + std::to_string(::getpid()) + '-' + std::to_string(which % names_each);
}

/// What both sides block.
inline sigset_t all_but_sigpipe() {
  sigset_t set;
  sigfillset(&set);
  sigdelset(&set, SIGPIPE);
  return set;
}

}  // namespace tocsin::differential
