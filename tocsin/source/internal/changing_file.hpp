// SPDX-License-Identifier: MIT
//
// ChangingFile: a file of the kernel's own that tells when its text has changed.
//
//     /proc, cgroup2 ──EPOLLPRI──> Watch ──> [ ChangingFile ] ──> Mounts, Pressure, CgroupEvents
//
// Such files are always readable, so EPOLLIN says nothing; a change is EPOLLPRI and EPOLLERR, told
// once, as the edge that it is (poll(2); proc(5), "/proc/pid/mounts").
//
// Ownership: it owns the fd and its watch. Thread rule: the loop's thread.
#pragma once

#include <memory>
#include <source_location>
#include <string>

#include "tocsin/kern/fd.hpp"
#include "tocsin/source/watch.hpp"

namespace tocsin::internal {

class ChangingFile {
 public:
  /// Opens `path` for reading; a change from here on is told. `name` as for Watch. `request` is
  /// written first unless it is empty, in one call and with its final zero: before there is one,
  /// such a file has nothing to be woken by.
  static Result<ChangingFile> open(Loop& loop, const std::string& path, const std::string& request,
                                   const char* name, std::source_location where);

  /// Waits until the text may have changed.
  NextReady changed() { return watch_->next(); }

  /// The whole text, as it is now.
  Result<std::string> read_all() const;

 private:
  ChangingFile(Kernel& kernel, Fd fd, std::unique_ptr<Watch> watch)
      : kernel_(&kernel), fd_(std::move(fd)), watch_(std::move(watch)) {}

  Kernel* kernel_;
  Fd fd_;
  std::unique_ptr<Watch> watch_;  // Ends before the fd is closed.
};

}  // namespace tocsin::internal
