// SPDX-License-Identifier: MIT
//
// CgroupEvents: whether anything lives in a control group, and whether it is frozen (the kernel's
// Documentation/admin-guide/cgroup-v2.rst, "cgroup.events").
//
//     fork, exit, cgroup.freeze ──> cgroup.events ──EPOLLPRI──> [ CgroupEvents ] ──> CgroupState
//
// That a group and all groups below it have become empty is how one knows that a service, with all
// that it ever started, has ended: no process can leave its group by forking twice.
//
// Ownership: it owns its descriptor, not the group; the loop must outlive it. Thread rule: the
// loop's thread.
#pragma once

#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "tocsin/source/internal/changing_file.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

struct CgroupState {
  bool populated = false;  // A process lives in the group or below it; zombies do not count.
  bool frozen = false;     // All of them stand still.

  bool operator==(const CgroupState&) const = default;
};

/// What the text of a cgroup.events file says.
CgroupState parse_cgroup_events(std::string_view text);

class CgroupEvents {
 public:
  /// Watches the group whose folder is `folder` ("/sys/fs/cgroup/system.slice"). Fails with ENOENT
  /// if it has no cgroup.events: it is the root group, which has no events, or of cgroup v1; where
  /// v2 is mounted nowhere, `mount -t cgroup2 none /mnt` does (CAP_SYS_ADMIN). Else as open(2).
  static Result<CgroupEvents> create(Loop& loop, const std::string& folder,
                                     std::source_location where = std::source_location::current());

  /// The state as it was told last, by `create` or by `next`.
  CgroupState state() const { return state_; }

  /// Waits until the state is another one than was told last, and tells it; what has come and gone
  /// meanwhile is not told, nor is that the group itself was removed (it was empty then). Fails
  /// with ECANCELED, and nothing is lost then. One at a time; not to be moved while somebody waits.
  Task<Result<CgroupState>> next();

 private:
  CgroupEvents(internal::ChangingFile file, CgroupState state)
      : file_(std::move(file)), state_(state) {}

  internal::ChangingFile file_;
  CgroupState state_;
};

}  // namespace tocsin
