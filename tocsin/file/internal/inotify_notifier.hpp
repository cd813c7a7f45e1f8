// SPDX-License-Identifier: MIT
//
// InotifyNotifier: a watch for each directory (inotify(7)).
//
//     inotify_add_watch(2) ──> [ InotifyNotifier: the watch descriptor is the key ] ──> FileEvent
//
// Needs no privilege, and tells in order and one by one. Limits: fs.inotify.max_user_watches
// (ENOSPC), max_user_instances (EMFILE), max_queued_events (overflow).
//
// The kernel gives watch descriptors in ascending order and comes back to a number only after 2^31
// of them (idr_alloc_cyclic), so an event of a watch that has been removed matches nothing.
//
// Ownership, thread rule: as Notifier.
#pragma once

#include "tocsin/file/internal/notifier.hpp"

namespace tocsin::internal {

class InotifyNotifier final : public Notifier {
 public:
  /// A descriptor for it. Fails as inotify_init1(2): EMFILE, ENFILE, ENOMEM.
  static Result<int> open(Kernel& kernel);

  using Notifier::Notifier;

  bool merges() const override { return false; }
  Result<DirectoryKey> watch(int directory, const char* path) override;
  void unwatch(const DirectoryKey& key) override;
  void parse(ByteView bytes, std::vector<FileEvent>& into) override;
};

}  // namespace tocsin::internal
