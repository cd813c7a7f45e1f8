// SPDX-License-Identifier: MIT
//
// FanotifyNotifier: one mark for a whole file system (fanotify(7), "fanotify file identifiers").
//
//     fanotify_mark(2) ──> [ FanotifyNotifier: a file handle is the key ] ──> FileEvent
//
// No watch has to be added for a new directory, so none is ever too late, and no limit of watches
// is met. The price: CAP_SYS_ADMIN, Linux 5.17 (FAN_RENAME), a file system that gives handles, and
// events of everything else on that file system, which are thrown away here. And the kernel joins
// an event with an older one about the same name that is still in the queue: their order is lost.
//
// Handles are compared, never opened (open_by_handle_at(2) wants CAP_DAC_READ_SEARCH, and gives
// the path a directory has by now, not the one it had when the event came).
//
// Ownership, thread rule: as Notifier.
#pragma once

#include <map>
#include <set>

#include "tocsin/file/internal/notifier.hpp"

namespace tocsin::internal {

class FanotifyNotifier final : public Notifier {
 public:
  /// A descriptor for it. Fails as fanotify_init(2): EPERM without CAP_SYS_ADMIN before 5.13,
  /// EINVAL before 5.17, EMFILE (fs.fanotify.max_user_groups), ENOSYS.
  static Result<int> open(Kernel& kernel);

  using Notifier::Notifier;

  bool merges() const override { return true; }
  /// Besides: EPERM without CAP_SYS_ADMIN, EOPNOTSUPP for a file system without handles, EXDEV for
  /// one that is but a part of another (a subvolume of btrfs), ENOSPC (max_user_marks).
  Result<DirectoryKey> watch(int directory, const char* path) override;
  Result<DirectoryKey> watch_root(int directory, const char* path) override;
  void unwatch(const DirectoryKey&) override {}
  void parse(ByteView bytes, std::vector<FileEvent>& into) override;

 private:
  Result<DirectoryKey> file_system_of(int directory, int mount);

  std::map<int, DirectoryKey> file_systems_;  // By mount: the part of a key that they share.
  std::set<DirectoryKey> marked_;             // File systems.
};

}  // namespace tocsin::internal
