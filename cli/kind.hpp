// SPDX-License-Identifier: MIT
//
// Kind: one kind of event that Linux may deliver, and how to find out whether it does here.
//
//     kinds_*.cpp ──> [ all_kinds ] ──> events (events.hpp): make one, ask epoll
//
// A kind is tried by making one of it: nothing is read from it, and nothing of the machine is
// changed. Why that fails is known by its errno, so each kind lists what its errnos mean and what
// would help.
//
// Thread rule: one thread.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tocsin/base/result.hpp"
#include "tocsin/kern/fd.hpp"
#include "tocsin/kern/kernel.hpp"

namespace tocsin::cli {

/// One of a kind. `fd` is what epoll is asked about.
struct Specimen {
  Specimen(Fd owned) : fd(owned.get()), owned_(std::move(owned)) {}
  Specimen(int number, std::shared_ptr<void> owner) : fd(number), owner_(std::move(owner)) {}

  int fd;

 private:
  Fd owned_;
  std::shared_ptr<void> owner_;
};

/// What an errno means for a kind, and what would help.
struct Hint {
  int error;
  std::string_view text;
};

struct Kind {
  std::string_view name;
  std::string_view manual;  // Its page; of the kernel's own documentation if it has none.
  Result<Specimen> (*make)(Kernel&);
  std::vector<Hint> hints = {};
  std::string_view remark = {};  // What is worth knowing where it works.
};

/// As `own`, for what a Kind makes.
inline Result<Specimen> specimen(Kernel& kernel, Result<int> made) {
  if (!made) return std::unexpected(made.error());
  return Specimen(Fd(kernel, *made));
}

std::vector<Kind> socket_kinds();   // kinds_sockets.cpp
std::vector<Kind> process_kinds();  // kinds_processes.cpp: timers, signals, children, memory
std::vector<Kind> file_kinds();     // kinds_files.cpp: files, pipes, queues, what the machine tells

}  // namespace tocsin::cli
