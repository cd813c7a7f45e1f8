// SPDX-License-Identifier: MIT
//
// Of WatchedTree: what is there.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <utility>

#include "tocsin/file/internal/watched_tree.hpp"

namespace tocsin::internal {
namespace {

// The path that is watched may be a symbolic link; below it none is followed (O_NOFOLLOW).
constexpr int to_read = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK;
constexpr int to_find = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

// How often one look may ask after a directory that is not where it was known to be.
constexpr int most_searches = 64;

// It is not there, or not a directory any more.
bool has_vanished(Errno error) {
  return error == Errno{ENOENT} || error == Errno{ENOTDIR} || error == Errno{ELOOP};
}

/// The working directory has no name in `Change::path`, as its entries have none before them.
const char* openable(const std::string& path) { return path.empty() ? "." : path.c_str(); }

Result<bool> is_directory_at(Kernel& kernel, int directory, const char* name) {
  struct statx status{};
  const auto done =
      kernel.statx(directory, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, status);
  if (!done) return std::unexpected(done.error());
  return S_ISDIR(status.stx_mode);
}

/// Calls `visit(name, type)` for each entry of `directory`.
template <class Visit>
Result<> for_each_entry(Kernel& kernel, int directory, Visit visit) {
  alignas(dirent64) std::array<std::byte, 32768> room;
  while (true) {
    const auto count = kernel.getdents64(directory, room);
    if (!count) return std::unexpected(count.error());
    if (*count == 0) return {};
    for (std::size_t at = 0; at < *count;) {
      const auto* const entry = reinterpret_cast<const dirent64*>(room.data() + at);
      const std::string_view name(entry->d_name);
      if (name != "." && name != "..") visit(std::string(name), entry->d_type);
      at += entry->d_reclen;
    }
  }
}

}  // namespace

Result<> WatchedTree::begin() {
  is_quiet_ = true;
  auto root = own(kernel_, kernel_.openat(AT_FDCWD, openable(root_path_), to_read, 0));
  if (!root) return std::unexpected(root.error());
  const auto key = notifier_.watch_root(root->get(), openable(root_path_));
  if (!key) return std::unexpected(key.error());
  root_.key = *key;
  by_key_.emplace(*key, &root_);
  if (auto done = look_at_root(); !done) return done;
  look();
  is_quiet_ = false;
  if (is_short_of_watches_) return std::unexpected(Errno{ENOSPC});
  if (has_ended_) return std::unexpected(Errno{ENOENT});
  return {};
}

void WatchedTree::look() {
  if (has_ended_) return;
  if (is_root_in_doubt_) {
    const auto done = look_at_root();
    if (!done && has_vanished(done.error())) return end(ChangeKind::moved_out);
    is_root_in_doubt_ = !done;  // Of EMFILE, ..., there may be less next time.
  }
  int searches = 0;
  while (!doubts_.empty()) {
    auto next = doubts_.extract(doubts_.begin());
    Node& node = *next.mapped().directory;
    if (look_into(node, next.mapped().names) == Looked::done) continue;
    // It has moved, and the event that says so is to come; or else that event was lost.
    if (node.parent != nullptr && searches++ < most_searches &&
        notifier_.horizon() == notifier_.position()) {
      node.is_scanned = false;
      doubt(*node.parent, node.name);
    } else {
      elsewhere_.insert(std::move(next));
    }
  }
  std::swap(doubts_, elsewhere_);
}

// The directory under its path, if it is the one that is known: else ENOENT.
Result<Fd> WatchedTree::open_known(const Node& node) {
  const std::string path = path_of(node);
  const int flags = node.parent == nullptr ? to_read : to_find;
  auto fd = own(kernel_, kernel_.openat(AT_FDCWD, openable(path), flags, 0));
  if (!fd) return fd;
  const auto key = notifier_.watch(fd->get(), openable(path));
  if (key && *key == node.key) return fd;
  if (key && find(*key) == nullptr) notifier_.unwatch(*key);
  return std::unexpected(Errno{ENOENT});
}

Result<> WatchedTree::look_at_root() {
  const auto fd = open_known(root_);
  if (!fd) return std::unexpected(fd.error());
  if (only_.empty())
    scan(root_, fd->get());
  else
    settle(root_, fd->get(), only_);
  root_.told_until = notifier_.horizon();
  return {};
}

WatchedTree::Looked WatchedTree::look_into(Node& node,
                                           const std::set<std::string, std::less<>>& names) {
  if (node.key.empty()) return Looked::done;  // It is in doubt itself, or was given up.
  const auto fd = open_known(node);
  if (!fd && has_vanished(fd.error())) return Looked::elsewhere;
  if (!fd) {
    give_up(node, fd.error());  // ENAMETOOLONG, EMFILE, ...
    return Looked::done;
  }
  for (const std::string& name : names) settle(node, fd->get(), name);
  node.told_until = notifier_.horizon();
  return Looked::done;
}

void WatchedTree::settle(Node& parent, int directory, const std::string& name) {
  const auto is_directory = is_directory_at(kernel_, directory, name.c_str());
  if (is_directory) {
    found(parent, name, *is_directory);
    if (*is_directory && is_recursive_) enter(parent, directory, name);
    return;
  }
  const auto place = parent.entries.find(name);
  if (has_vanished(is_directory.error()) && place != parent.entries.end())
    disappear(parent, name, place->second != nullptr, ChangeKind::removed);
}

// What was known under the name stays, if it is of the same kind.
void WatchedTree::found(Node& parent, const std::string& name, bool is_directory) {
  const auto place = parent.entries.find(name);
  if (place != parent.entries.end()) {
    const bool was_directory = place->second != nullptr;
    if (was_directory == is_directory) return;
    disappear(parent, name, was_directory, ChangeKind::removed);
  }
  put(parent, name, is_directory);
  tell(ChangeKind::created, is_directory, path_of(parent, name));
}

// Requires: the name is known, as a directory's.
void WatchedTree::enter(Node& parent, int directory, const std::string& name) {
  Node* node = parent.entries.find(name)->second.get();
  const auto fd = own(kernel_, kernel_.openat(directory, name.c_str(), to_read | O_NOFOLLOW, 0));
  if (!fd) {
    if (has_vanished(fd.error())) return doubt(parent, name);
    return give_up(*node, fd.error());
  }
  const auto key = notifier_.watch(fd->get(), path_of(*node).c_str());
  if (!key) {
    if (has_vanished(key.error())) return doubt(parent, name);
    return give_up(*node, key.error());
  }
  if (*key != node->key && !node->key.empty()) {
    disappear(parent, name, true, ChangeKind::removed);
    found(parent, name, true);
    node = parent.entries.find(name)->second.get();
  }
  if (!claim(*node, *key)) return give_up(*node, Errno{ELOOP});
  if (!node->is_scanned) scan(*node, fd->get());
}

// Two names for one directory: it was renamed, which its former name does not know yet; or it is
// mounted at both, and only one of them can be watched (inotify and fanotify know no mounts here).
bool WatchedTree::claim(Node& node, const DirectoryKey& key) {
  Node* const other = find(key);
  if (other == &node) return true;
  if (other != nullptr) {
    if (other->parent == nullptr || open_known(*other)) return false;
    other->key.clear();
    other->is_scanned = false;
    doubt(*other->parent, other->name);
  }
  by_key_[key] = &node;
  node.key = key;
  node.is_given_up = false;
  return true;
}

void WatchedTree::scan(Node& node, int directory) {
  std::set<std::string, std::less<>> missing;
  for (const auto& [name, entry] : node.entries) missing.insert(name);
  const auto visit = [&](const std::string& name, unsigned char type) {
    bool is_directory = type == DT_DIR;
    if (type == DT_UNKNOWN)
      is_directory = is_directory_at(kernel_, directory, name.c_str()).value_or(false);
    missing.erase(name);
    found(node, name, is_directory);
    if (is_directory && is_recursive_) doubt(node, name);
  };
  const auto done = for_each_entry(kernel_, directory, visit);
  if (done) {
    node.is_listed = true;
    for (const std::string& name : missing)
      disappear(node, name, node.entries.find(name)->second != nullptr, ChangeKind::removed);
  } else if (!has_vanished(done.error()) && done.error() != Errno{ENOSYS}) {
    give_up(node, done.error());  // Not for ENOSYS: such a kernel tells of names all the same.
  }
  node.is_scanned = true;
  node.told_until = notifier_.horizon();
}

void WatchedTree::give_up(Node& node, Errno error) {
  if (std::exchange(node.is_given_up, true)) return;
  if (is_quiet_ && error == Errno{ENOSPC}) is_short_of_watches_ = true;
  const bool was_quiet = std::exchange(is_quiet_, false);
  tell(Change{.kind = ChangeKind::unwatched,
              .is_directory = true,
              .path = path_of(node),
              .from = {},
              .error = error});
  is_quiet_ = was_quiet;
}

}  // namespace tocsin::internal
