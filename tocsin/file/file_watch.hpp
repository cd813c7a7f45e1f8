// SPDX-License-Identifier: MIT
//
// FileWatch: what happens to a file, to a directory or to a whole tree.
//
//     inotify(7) or fanotify(7) ──> FdSource ──> [ FileWatch ] ──> co_await watch.next(): a Change
//
// The changes are in order, with the paths that held when they happened: whoever replays created,
// removed, renamed, moved_in and moved_out over what was there at the start has what is there in
// the end. On the way each fits those before it: what is created was not there, what is removed,
// renamed or moved out was. (A kernel that lists no directories leaves that to its events.) All of
// that holds too
//   - for a tree that is made faster than it can be watched: a new directory is scanned once it is
//     watched, and what is found is told as created (a rename inside it, while that goes on, may be
//     told as removed and created; what is written to a file before it is found is not told);
//   - for a rename, whose halves come as two events: one Change. A half that stays alone for
//     `rename_hold` is a move out of what is watched, or into it;
//   - after an overflow of the kernel's queue: `overflow` says that changes were lost, so whoever
//     keeps what is in the files reads them again; names that came or went meanwhile follow as
//     removed and created. Rather than look at the names yourself, take those: yours would be newer
//     than the changes that are still to come.
// Symbolic links below the path are not followed. A directory that cannot be watched is told as
// `unwatched`, once.
//
// For that it keeps the names of everything in the tree (about 100 bytes each), and looks at the
// disk, synchronously: to begin takes as long as `find` would.
//
// Ownership: it owns its descriptor; the loop must outlive it. Thread rule: the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "tocsin/file/change.hpp"
#include "tocsin/source/fallible_operation.hpp"

namespace tocsin {

/// Who tells of changes.
enum class WatchBackend : std::uint8_t {
  automatic,  // inotify; fanotify if there are not watches enough and fanotify is permitted.
  inotify,    // A watch for each directory. Needs nothing; see limit_behind.
  fanotify,   // A mark for the file system: CAP_SYS_ADMIN, Linux 5.17. Events may be joined.
};

struct FileWatchOptions {
  WatchBackend backend = WatchBackend::automatic;
  bool recursive = false;  // Directories below the path, and those below them, too.
  /// How long the first half of a rename waits for the second.
  Duration rename_hold = std::chrono::milliseconds(10);
};

/// The limit that `error` of FileWatch::create, or of `unwatched`, comes from: the name of a sysctl
/// ("fs.inotify.max_user_watches"), for a message; empty if it comes from none. EMFILE can also be
/// the process's own limit of descriptors, RLIMIT_NOFILE.
std::string_view limit_behind(WatchBackend backend, Errno error);

class NextChange;

class FileWatch {
 public:
  /// Watches `path`: the directory and what is in it; of anything else, also of what is not there
  /// yet, the name in its parent, whatever file is given that name (programs save by renaming).
  /// What is there already is not told. A relative path is so at each look: the working directory
  /// should stay.
  ///
  /// Fails as open(2) (ENOENT, EACCES); with EMFILE when this user has too many watchers and with
  /// ENOSPC when too many watches (see limit_behind); of fanotify with EPERM without CAP_SYS_ADMIN,
  /// EINVAL before Linux 5.17, EOPNOTSUPP where the file system has no handles. Nothing is left.
  static Result<FileWatch> create(Loop& loop, const std::string& path,
                                  const FileWatchOptions& options = {},
                                  std::source_location where = std::source_location::current());
  FileWatch(FileWatch&& other) noexcept;
  FileWatch& operator=(FileWatch&& other) noexcept;
  ~FileWatch();

  /// Waits for the next change. Fails with ECANCELED, no change is lost then; and with ENOENT once
  /// the watched directory itself has been removed, moved or unmounted, which was told before. One
  /// at a time.
  NextChange next();

  /// Who tells: inotify or fanotify.
  WatchBackend backend() const;

 private:
  friend class NextChange;
  class State;
  explicit FileWatch(std::unique_ptr<State> state);
  static Result<std::unique_ptr<State>> begin(Loop& loop, const std::string& path,
                                              const FileWatchOptions& options,
                                              std::source_location where);

  std::unique_ptr<State> state_;
};

/// See FileWatch::next.
class [[nodiscard]] NextChange final : public FallibleOperation<Direction::read> {
 public:
  explicit NextChange(FileWatch& watch);
  NextChange(NextChange&&) = default;

  Result<Change> await_resume() { return result(std::move(change_)); }

 private:
  bool attempt() override;

  FileWatch::State* state_;
  Change change_;
};

}  // namespace tocsin
