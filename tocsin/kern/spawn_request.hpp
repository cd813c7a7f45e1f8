// SPDX-License-Identifier: MIT
//
// SpawnRequest: what Kernel::pidfd_spawn runs, and what that program finds when it starts.
//
//     Child::spawn ──> [ SpawnRequest ] ──> Kernel::pidfd_spawn ──> Spawned
//
// It is all there is to say between clone(2) and execve(2). The two, and what comes between them,
// are one call: the child runs in its parent's memory meanwhile, where only the kernel's own code
// knows what may be touched.
//
// Ownership: it refers to what is the caller's, for as long as the call lasts. Thread rule: a
// value; any thread.
#pragma once

#include <sys/types.h>

#include <span>

namespace tocsin {

struct SpawnRequest {
  /// The descriptor `from` of the caller is the descriptor `to` of the child.
  struct Placed {
    int from;
    int to;
  };
  enum class Group { inherited, own, session };

  const char* program = nullptr;       // With a slash a path, else looked for in PATH.
  char* const* arguments = nullptr;    // As execve(2) takes them, the program's name included.
  char* const* environment = nullptr;  // As execve(2) takes it. Null: the caller's own.
  const char* directory = nullptr;     // Null: the caller's own. Relative paths are seen from it.
  /// No `to` twice; in any order. The child has these, and no others.
  std::span<const Placed> descriptors{};
  Group group = Group::inherited;  // A process group or a session of its own (setsid(2)).
  int terminal = -1;  // A `to` that becomes the controlling terminal of the session; -1: none.
};

/// A process that was made, and a descriptor of it: pidfd_open(2). Both are the caller's: the
/// descriptor to close, the process to wait for.
struct Spawned {
  pid_t pid;
  int pidfd;
};

}  // namespace tocsin
