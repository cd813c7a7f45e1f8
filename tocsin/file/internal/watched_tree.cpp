// SPDX-License-Identifier: MIT
//
// Of WatchedTree: what is known, and how it changes.
#include "tocsin/file/internal/watched_tree.hpp"

#include <utility>

namespace tocsin::internal {

WatchedTree::WatchedTree(Kernel& kernel, Notifier& notifier, std::string path, bool recursive,
                         std::string only)
    : kernel_(kernel),
      notifier_(notifier),
      root_path_(std::move(path)),
      is_recursive_(recursive),
      only_(std::move(only)) {}

// ---- names --------------------------------------------------------------------------------------

std::string WatchedTree::path_of(const Node& node) const {
  if (node.parent == nullptr) return root_path_;
  return path_of(*node.parent, node.name);
}

std::string WatchedTree::path_of(const Node& node, std::string_view name) const {
  std::string path = path_of(node);
  if (!path.empty() && !path.ends_with('/')) path += '/';
  return path.append(name);
}

WatchedTree::Node* WatchedTree::find(const DirectoryKey& key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

// What had the name before is dropped.
WatchedTree::Node* WatchedTree::put(Node& parent, const std::string& name, bool is_directory) {
  std::unique_ptr<Node>& place = parent.entries[name];
  if (place) drop(*place);
  place.reset();
  if (!is_directory) return nullptr;
  place = std::make_unique<Node>();
  place->number = ++last_number_;
  place->parent = &parent;
  place->name = name;
  return place.get();
}

// Its watches go; the node itself is for the caller to destroy. Depth costs stack; what lies deeper
// than a path can be long is not entered.
void WatchedTree::drop(Node& node) {
  doubts_.erase(node.number);
  elsewhere_.erase(node.number);
  if (!node.key.empty()) {
    by_key_.erase(node.key);
    notifier_.unwatch(node.key);
  }
  for (const auto& [name, entry] : node.entries)
    if (entry) drop(*entry);
}

void WatchedTree::doubt(Node& parent, std::string_view name) {
  Doubt& doubt = doubts_[parent.number];
  doubt.directory = &parent;
  doubt.names.emplace(name);
}

// ---- changes ------------------------------------------------------------------------------------

void WatchedTree::tell(Change change) {
  if (is_quiet_) return;
  if (!only_.empty()) {
    const std::string path = path_of(root_, only_);
    if (change.path != path && change.from != path && change.path != root_path_) return;
  }
  changes_.push_back(std::move(change));
}

void WatchedTree::tell(ChangeKind kind, bool is_directory, std::string path) {
  tell(Change{.kind = kind,
              .is_directory = is_directory,
              .path = std::move(path),
              .from = {},
              .error = std::nullopt});
}

void WatchedTree::appear(Node& parent, const std::string& name, bool is_directory,
                         ChangeKind kind) {
  put(parent, name, is_directory);
  tell(kind, is_directory, path_of(parent, name));
  if (is_directory && is_recursive_) doubt(parent, name);
}

void WatchedTree::disappear(Node& parent, const std::string& name, bool is_directory,
                            ChangeKind kind) {
  const auto place = parent.entries.find(name);
  if (place != parent.entries.end()) {
    if (place->second) drop(*place->second);
    parent.entries.erase(place);
  }
  tell(kind, is_directory, path_of(parent, name));
}

void WatchedTree::end(ChangeKind kind) {
  if (std::exchange(has_ended_, true)) return;
  tell(kind, true, root_path_);
}

}  // namespace tocsin::internal
