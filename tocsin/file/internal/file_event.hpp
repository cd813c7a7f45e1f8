// SPDX-License-Identifier: MIT
//
// FileEvent: one event of inotify(7) or fanotify(7), in the words that both have in common.
//
//     Notifier ──> [ FileEvent ] ──> RenamePairing ──> WatchedTree
//
// The kernel gives both the same bits. A directory is named by a key: the watch descriptor, or the
// file handle, whose bytes mean nothing here but that they are the same or not.
//
// Thread rule: values; any thread.
#pragma once

#include <sys/fanotify.h>
#include <sys/inotify.h>

#include <cstdint>
#include <string>

namespace tocsin::internal {

/// The bits of FileEvent::mask are inotify's. This one, which inotify has not, says that there are
/// two ends.
inline constexpr std::uint32_t event_rename = FAN_RENAME;

static_assert(FAN_CREATE == IN_CREATE && FAN_DELETE == IN_DELETE && FAN_MODIFY == IN_MODIFY);
static_assert(FAN_ATTRIB == IN_ATTRIB && FAN_CLOSE_WRITE == IN_CLOSE_WRITE);
static_assert(FAN_DELETE_SELF == IN_DELETE_SELF && FAN_MOVE_SELF == IN_MOVE_SELF);
static_assert(FAN_Q_OVERFLOW == IN_Q_OVERFLOW && FAN_ONDIR == IN_ISDIR);
static_assert((event_rename & (IN_ALL_EVENTS | IN_UNMOUNT | IN_IGNORED)) == 0);

using DirectoryKey = std::string;

struct FileEvent {
  std::uint32_t mask = 0;
  std::uint32_t cookie = 0;   // Of IN_MOVED_FROM and IN_MOVED_TO: what makes them a pair.
  DirectoryKey directory;     // In which it happened; the former one, of a rename.
  std::string name;           // There; empty: it happened to the directory itself.
  DirectoryKey to_directory;  // Of a rename: the new one. Empty (as `directory`): not known.
  std::string to_name;
  DirectoryKey child;     // What `name` names, if the kernel said.
  std::uint64_t end = 0;  // How much of its stream has come when it has; see Notifier::horizon.
};

}  // namespace tocsin::internal
