// SPDX-License-Identifier: MIT
//
// WatchedTree: what is known of the names below a path, kept true by events and by looking.
//
//     RenamePairing ──> apply ──> [ WatchedTree ] ──> Changes, each one step from what was known
//     the disk ──────> look ───┘
//
// Every Change is also made here: whoever replays the changes over what was there at the start has
// what is known here. Two accounts have to be reconciled:
//   - An event says what happened, but may be old: a directory is scanned after it was made, and
//     the events of what the scan has seen already are still to come (they end before the
//     directory's `told_until`). Such an event is applied only if it changes something. So is one
//     that contradicts what is known: what cannot go because it is not there, or cannot come
//     because it is, went or came before a look, and the kernel is late (Notifier::horizon).
//   - The disk says what is, but a path may lead elsewhere by now. So a directory is looked into
//     only if its key shows that it is the one that is known under this path.
// A name that an event leaves in doubt is put on a list; `look` settles it on the disk, and begins
// to watch the directories it finds. When nothing is in doubt and no event is unread, what is known
// is what is there.
//
// Looking is synchronous, as Directory is: a new tree takes as long as `find` would.
//
// Ownership: it owns its directories; kernel and notifier must outlive it. Thread rule: one thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tocsin/file/change.hpp"
#include "tocsin/file/internal/notifier.hpp"
#include "tocsin/kern/fd.hpp"

namespace tocsin::internal {

struct WatchedDirectory {
  using Entries = std::map<std::string, std::unique_ptr<WatchedDirectory>, std::less<>>;

  std::uint64_t number = 0;  // In the order in which they were found.
  WatchedDirectory* parent = nullptr;
  std::string name;
  DirectoryKey key;              // Empty: it is not watched (yet).
  Entries entries;               // Null: not a directory.
  bool is_scanned = false;       // Whether `entries` are what was there.
  bool is_listed = false;        // Whether they ever were: no name that was there then is missing.
  bool is_given_up = false;      // It could not be watched, and that has been told.
  std::uint64_t told_until = 0;  // Events up to here may tell what a look has shown already.
};

class WatchedTree {
 public:
  /// Of `path`, a directory; `only` is the one name in it that matters, empty for all.
  WatchedTree(Kernel& kernel, Notifier& notifier, std::string path, bool recursive,
              std::string only);

  /// Watches, and learns what is there without telling. Fails if `path` cannot be watched, and with
  /// ENOSPC if there are not watches enough for what is below it.
  Result<> begin();

  /// Takes note of one event that RenamePairing gave.
  void apply(const FileEvent& event);

  /// Settles what is in doubt, as far as that can be done now.
  void look();

  /// What has changed and was not told yet, in order; the caller takes from its front.
  std::deque<Change>& changes() { return changes_; }

  /// Whether the path itself is gone or leads elsewhere: nothing more will come.
  bool has_ended() const { return has_ended_; }

 private:
  using Node = WatchedDirectory;
  struct Doubt {
    Node* directory = nullptr;
    std::set<std::string, std::less<>> names;
  };
  using Doubts = std::map<std::uint64_t, Doubt>;

  // What is known (watched_tree.cpp).
  std::string path_of(const Node& node) const;
  std::string path_of(const Node& node, std::string_view name) const;
  Node* find(const DirectoryKey& key) const;
  Node* put(Node& parent, const std::string& name, bool is_directory);
  void drop(Node& node);
  void doubt(Node& parent, std::string_view name);
  void tell(Change change);
  void tell(ChangeKind kind, bool is_directory, std::string path);
  void appear(Node& parent, const std::string& name, bool is_directory, ChangeKind kind);
  void disappear(Node& parent, const std::string& name, bool is_directory, ChangeKind kind);
  void end(ChangeKind kind);

  // What is told (watched_tree_events.cpp).
  bool may_be_known(const Node& node, const FileEvent& event) const;
  bool may_go(const Node& node, const std::string& name, bool is_directory, bool is_old) const;
  void apply_in(Node& node, const FileEvent& event);
  void apply_to_itself(Node& node, std::uint32_t mask);
  void go(Node& node, const FileEvent& event, ChangeKind kind);
  void try_again(Node& parent, std::string_view name);
  void apply_rename(const FileEvent& event);
  void apply_inner_rename(Node& from, Node& to, const FileEvent& event);
  void rename(Node& from, Node& to, const FileEvent& event);
  void lose_track();
  void lose_watch(Node& node);

  // What is there (watched_tree_look.cpp).
  enum class Looked : bool { elsewhere, done };
  Result<Fd> open_known(const Node& node);
  Result<> look_at_root();
  Looked look_into(Node& node, const std::set<std::string, std::less<>>& names);
  void settle(Node& parent, int directory, const std::string& name);
  void enter(Node& parent, int directory, const std::string& name);
  bool claim(Node& node, const DirectoryKey& key);
  void scan(Node& node, int directory);
  void found(Node& parent, const std::string& name, bool is_directory);
  void give_up(Node& node, Errno error);

  Kernel& kernel_;
  Notifier& notifier_;
  const std::string root_path_;
  const bool is_recursive_;
  const std::string only_;
  Node root_;
  std::unordered_map<DirectoryKey, Node*> by_key_;
  Doubts doubts_;     // By the directory's number.
  Doubts elsewhere_;  // While it looks: of directories that are not where they were known to be.
  std::deque<Change> changes_;
  std::uint64_t last_number_ = 0;
  bool is_root_in_doubt_ = false;
  bool is_quiet_ = false;  // While it begins.
  bool is_short_of_watches_ = false;
  bool has_ended_ = false;
};

}  // namespace tocsin::internal
