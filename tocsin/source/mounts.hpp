// SPDX-License-Identifier: MIT
//
// Mounts: what is mounted where, and what changes (proc(5), /proc/self/mountinfo).
//
//     mount(2) ──> /proc/self/mountinfo ──EPOLLPRI──> [ Mounts ] ──> added, removed, changed
//
// It is the mount namespace that this process was in when it was made. The kernel says that
// something has changed, not what: the table is read again and compared by the mounts' ids. So what
// is mounted and unmounted between two looks is not seen, and several changes may come as one
// event; but what is told is true, and in the end nothing is missing.
//
// Ownership: it owns its descriptor; the loop must outlive it. Thread rule: the loop's thread.
#pragma once

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tocsin/source/internal/changing_file.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

/// One line of mountinfo; see proc(5) for the meaning of each.
struct Mount {
  int id = 0;           // Of the mount; used again after it is gone.
  int parent = 0;       // The id of the mount that this one lies in.
  std::string root;     // What of the file system is mounted: "/", or a folder of a bind mount.
  std::string point;    // Where, as this process sees it.
  std::string options;  // Of the mount: "rw,noatime".
  std::string type;     // "ext4", "tmpfs", ...
  std::string source;   // "/dev/sda1", or what the file system makes of it.
  std::string super_options;  // Of the file system.

  bool operator==(const Mount&) const = default;
};

struct MountChange {
  enum class Kind : std::uint8_t {
    added,
    removed,
    changed,  // Moved, or with other options; `mount` says how it is now.
  };
  Kind kind = Kind::added;
  Mount mount;
};

/// The mounts in the text of a mountinfo file; lines that are none are left out.
std::vector<Mount> parse_mountinfo(std::string_view text);

/// What makes `after` of `before`: what is gone, in the order of `before`, then the rest in the
/// order of `after`.
std::vector<MountChange> changes_between(const std::vector<Mount>& before,
                                         const std::vector<Mount>& after);

class Mounts {
 public:
  /// Begins to watch. Fails as open(2): ENOENT where /proc is not mounted.
  static Result<Mounts> create(Loop& loop,
                               std::source_location where = std::source_location::current());

  /// The mounts as they were when they were last looked at; `next` tells how they differ since.
  const std::vector<Mount>& mounts() const { return mounts_; }

  /// Waits for changes, one at least. Fails with ECANCELED, and nothing is lost then, or as read(2)
  /// does. One at a time; not to be moved while somebody waits.
  Task<Result<std::vector<MountChange>>> next();

 private:
  Mounts(internal::ChangingFile file, std::vector<Mount> mounts)
      : file_(std::move(file)), mounts_(std::move(mounts)) {}

  internal::ChangingFile file_;
  std::vector<Mount> mounts_;
};

}  // namespace tocsin
