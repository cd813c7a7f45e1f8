// SPDX-License-Identifier: MIT
//
// What things outside a descriptor table are called in a sequence: sockets, queues, files.
//
// Names that all processes of a machine share hold the number of the process, so that several
// fuzzers can run at once; both kernels are given the same ones.
//
// Thread rule: any thread.
#pragma once

#include <mqueue.h>
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

inline std::string queue_name(std::int64_t which, pid_t process = ::getpid()) {
  return "/tocsin-" + std::to_string(process) + '-' + std::to_string(which % names_each);
}

/// Of a process that may have been killed: all queues of a user share one limit.
inline void remove_queues(pid_t process = ::getpid()) {
  for (int i = 0; i < names_each; ++i) ::mq_unlink(queue_name(i, process).c_str());
}

/// From here on descriptors are the fuzzer's own.
inline constexpr int high_descriptor = 1000;

/// What both sides block.
inline sigset_t all_but_sigpipe() {
  sigset_t set;
  sigfillset(&set);
  sigdelset(&set, SIGPIPE);
  return set;
}

}  // namespace tocsin::differential
