// SPDX-License-Identifier: MIT
//
// Of WatchedTree: what events say.
#include <utility>

#include "tocsin/file/internal/watched_tree.hpp"

namespace tocsin::internal {
namespace {

constexpr std::uint32_t structural = IN_CREATE | IN_DELETE | event_rename;

constexpr bool is(std::uint32_t mask, std::uint32_t bit) { return (mask & bit) != 0; }

bool is_inside(const WatchedDirectory& node, const WatchedDirectory& outer) {
  for (const WatchedDirectory* up = &node; up != nullptr; up = up->parent)
    if (up == &outer) return true;
  return false;
}

/// Whether this is what is known under the name.
bool is_there(const WatchedDirectory& node, const std::string& name, bool is_directory) {
  const auto place = node.entries.find(name);
  return place != node.entries.end() && (place->second != nullptr) == is_directory;
}

}  // namespace

// Whether a look may have shown already what this event tells.
bool WatchedTree::may_be_known(const Node& node, const FileEvent& event) const {
  return event.end <= node.told_until;
}

// Whether an event that says it has gone from here is to be told. If something else is known under
// the name, or nothing where nothing is missing, a look was ahead.
bool WatchedTree::may_go(const Node& node, const std::string& name, bool is_directory,
                         bool is_old) const {
  if (node.entries.contains(name)) return is_there(node, name, is_directory);
  return !is_old && !node.is_listed && name != only_;
}

void WatchedTree::apply(const FileEvent& event) {
  if (has_ended_) return;
  if (is(event.mask, IN_Q_OVERFLOW)) return lose_track();
  if (is(event.mask, event_rename)) return apply_rename(event);
  Node* const node = find(event.directory);
  if (node == nullptr) return;  // Not below the path, or not any more.
  if (is(event.mask, IN_IGNORED)) return lose_watch(*node);
  if (is(event.mask, IN_UNMOUNT)) return tell(ChangeKind::unmounted, true, path_of(*node));
  if (event.name.empty()) return apply_to_itself(*node, event.mask);
  apply_in(*node, event);
}

// Of inotify's, a change of attributes comes from the parent, too; of fanotify's, only from here.
void WatchedTree::apply_to_itself(Node& node, std::uint32_t mask) {
  const bool is_root = &node == &root_;
  if (is_root && is(mask, IN_DELETE_SELF)) return end(ChangeKind::removed);
  if (is_root && is(mask, IN_MOVE_SELF)) return end(ChangeKind::moved_out);
  if (is(mask, IN_ATTRIB) && (is_root ? only_.empty() : notifier_.merges()))
    tell(ChangeKind::attributes, true, path_of(node));
}

// If several events were joined, in the order that makes sense; what is true in the end is seen by
// looking.
void WatchedTree::apply_in(Node& node, const FileEvent& event) {
  const bool is_directory = is(event.mask, IN_ISDIR);
  const bool is_old = may_be_known(node, event);
  if ((notifier_.merges() || is_old) && is(event.mask, structural)) doubt(node, event.name);
  if (is(event.mask, IN_CREATE)) {
    if (node.entries.contains(event.name))
      doubt(node, event.name);
    else
      appear(node, event.name, is_directory, ChangeKind::created);
  }
  if (!is_old || is_there(node, event.name, is_directory)) {
    for (const auto& [bit, kind] :
         {std::pair{IN_ATTRIB, ChangeKind::attributes}, std::pair{IN_MODIFY, ChangeKind::modified},
          std::pair{IN_CLOSE_WRITE, ChangeKind::closed}})
      if (is(event.mask, static_cast<std::uint32_t>(bit)))
        tell(kind, is_directory, path_of(node, event.name));
    if (is(event.mask, IN_ATTRIB)) try_again(node, event.name);
  }
  if (is(event.mask, IN_DELETE)) go(node, event, ChangeKind::removed);
}

void WatchedTree::go(Node& node, const FileEvent& event, ChangeKind kind) {
  const bool is_directory = is(event.mask, IN_ISDIR);
  if (may_go(node, event.name, is_directory, may_be_known(node, event)))
    disappear(node, event.name, is_directory, kind);
  else
    doubt(node, event.name);
}

// A directory that could not be watched may have got another mode.
void WatchedTree::try_again(Node& parent, std::string_view name) {
  const auto place = parent.entries.find(name);
  if (place != parent.entries.end() && place->second && place->second->is_given_up)
    doubt(parent, name);
}

// ---- renames ------------------------------------------------------------------------------------

void WatchedTree::apply_rename(const FileEvent& event) {
  Node* const from = find(event.directory);
  Node* const to = find(event.to_directory);
  const bool is_directory = is(event.mask, IN_ISDIR);
  for (const auto& [node, name] : {std::pair{from, &event.name}, std::pair{to, &event.to_name}})
    if (node != nullptr && (notifier_.merges() || may_be_known(*node, event))) doubt(*node, *name);

  if (from != nullptr && to != nullptr) return apply_inner_rename(*from, *to, event);
  if (from != nullptr) return go(*from, event, ChangeKind::moved_out);
  if (to == nullptr) return;
  if (to->entries.contains(event.to_name)) doubt(*to, event.to_name);  // See rename.
  appear(*to, event.to_name, is_directory, ChangeKind::moved_in);
}

void WatchedTree::apply_inner_rename(Node& from, Node& to, const FileEvent& event) {
  const bool is_directory = is(event.mask, IN_ISDIR);
  const auto source = from.entries.find(event.name);
  Node* const moved = source == from.entries.end() ? nullptr : source->second.get();

  // It is known at another place: a look was ahead of this event, and another one will tell.
  Node* const child = is_directory ? find(event.child) : nullptr;
  if (child != nullptr && child != moved) {
    if (child->parent != nullptr) doubt(*child->parent, child->name);
    return;
  }
  const bool is_old = may_be_known(from, event) || may_be_known(to, event);
  // No directory goes into itself: another one has this name, of which only a look will tell.
  const bool is_another = moved != nullptr && is_inside(to, *moved);
  if (!is_another && may_go(from, event.name, is_directory, is_old)) return rename(from, to, event);

  doubt(from, event.name);
  doubt(to, event.to_name);
  if (!to.entries.contains(event.to_name))
    return appear(to, event.to_name, is_directory, ChangeKind::created);
  if (!is_directory && is_there(to, event.to_name, false))
    tell(ChangeKind::modified, false, path_of(to, event.to_name));
}

void WatchedTree::rename(Node& from, Node& to, const FileEvent& event) {
  const bool is_directory = is(event.mask, IN_ISDIR);
  std::string old_path = path_of(from, event.name);
  std::unique_ptr<Node> moved;
  if (const auto source = from.entries.find(event.name); source != from.entries.end()) {
    moved = std::move(source->second);
    from.entries.erase(source);
  }
  // Two names that are exchanged (RENAME_EXCHANGE) look like a rename over the one and back.
  if (to.entries.contains(event.to_name)) {
    doubt(from, event.name);
    doubt(to, event.to_name);
  }
  const bool is_new = is_directory && (!moved || !moved->is_scanned);
  Node* const placeholder = put(to, event.to_name, is_directory);
  if (moved && placeholder != nullptr) {
    moved->parent = &to;
    moved->name = event.to_name;
    to.entries[event.to_name] = std::move(moved);
  }
  tell(Change{.kind = ChangeKind::renamed,
              .is_directory = is_directory,
              .path = path_of(to, event.to_name),
              .from = std::move(old_path),
              .error = std::nullopt});
  if (is_new && is_recursive_) doubt(to, event.to_name);
}

// ---- what was lost ------------------------------------------------------------------------------

void WatchedTree::lose_track() {
  tell(ChangeKind::overflow, true, root_path_);
  is_root_in_doubt_ = true;
  root_.is_scanned = false;
  for (const auto& [key, node] : by_key_) node->is_scanned = false;
}

// inotify(7), IN_IGNORED: the directory is gone, or its file system.
void WatchedTree::lose_watch(Node& node) {
  if (&node == &root_) return end(ChangeKind::removed);
  by_key_.erase(node.key);
  node.key.clear();
  node.is_scanned = false;
  doubt(*node.parent, node.name);
}

}  // namespace tocsin::internal
