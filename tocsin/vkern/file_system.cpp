// SPDX-License-Identifier: MIT
#include "tocsin/vkern/file_system.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>

#include <algorithm>
#include <climits>

#include "tocsin/vkern/inotify.hpp"
#include "tocsin/vkern/system.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected absent{Errno{ENOENT}};
constexpr std::unexpected exists{Errno{EEXIST}};
constexpr std::unexpected no_directory{Errno{ENOTDIR}};
constexpr std::unexpected is_directory{Errno{EISDIR}};

// Takes the first component off `path`, and the slashes around it.
std::string_view take_name(std::string_view& path) {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  const std::string_view name = path.substr(0, path.find('/'));
  path.remove_prefix(name.size());
  return name;
}

bool has_more(std::string_view path) { return path.find_first_not_of('/') != path.npos; }

}  // namespace

template <class P>
FileSystem<P>::FileSystem(System<P>& system) : system_(system) {
  root_ = make_ref<Node>(++last_number_, mode_t{S_IFDIR | 0755}, now());
  root_->is_linked = true;
}

template <class P>
FileSystem<P>::~FileSystem() {
  cut(*root_);
}

// A child refers to its parent and its parent to it; this lets go of the one side.
template <class P>
void FileSystem<P>::cut(Node& node) {
  for (auto& [name, child] : node.children) cut(*child);
  node.children.clear();
}

template <class P>
Duration FileSystem<P>::now() const {
  return system_.world().now().time_since_epoch() + system_.world().offsets().realtime;
}

// ---- names --------------------------------------------------------------------------------------

template <class P>
auto FileSystem<P>::step(const Start& start, Node& from, std::string_view name)
    -> Result<Ref<Node>> {
  if (!from.is_directory()) return no_directory;
  if (name == ".") return Ref<Node>(from);
  if (name == "..") {
    const bool is_top = &from == start.at.get();
    if (is_top && start.is_beneath) return std::unexpected(Errno{EXDEV});
    if (!from.parent || (is_top && start.is_root)) return Ref<Node>(from);
    return from.parent;
  }
  if (name.size() > NAME_MAX) return std::unexpected(Errno{ENAMETOOLONG});
  const auto found = from.children.find(name);
  if (found == from.children.end()) return absent;
  return found->second;
}

// What is left of the trail is where `link` leads, and what was `behind` it. Requires: `trail` is
// where the link is.
template <class P>
Result<> FileSystem<P>::follow(const Start& start, Trail& trail, Node& link,
                               std::string_view behind) {
  constexpr int most_links = 40;  // path_resolution(7): "the maximum number of [...] followed".
  if (++trail.links > most_links || start.refuses_link) return std::unexpected(Errno{ELOOP});
  link.accessed = now();
  std::string path(as_text(link.bytes));
  if (path.starts_with('/')) {
    if (start.is_beneath) return std::unexpected(Errno{EXDEV});
    trail.at = start.is_root ? start.at : root_;
  }
  trail.path = std::move(path.append(behind));
  return {};
}

template <class P>
auto FileSystem<P>::find(const Start& start, std::string_view path, bool follows)
    -> Result<Ref<Node>> {
  Trail trail{.at = start.at, .path = std::string(path)};
  while (true) {
    const auto place = find_place(start, trail);
    if (!place) return std::unexpected(place.error());
    if (place->name.empty()) return place->directory;
    auto found = step(start, *place->directory, place->name);
    if (!found) return found;
    if (!(*found)->is_link() || (!follows && !place->has_slash)) {
      if (place->has_slash && !(*found)->is_directory()) return no_directory;
      return found;
    }
    if (auto done = follow(start, trail, **found, place->has_slash ? "/" : ""); !done)
      return std::unexpected(done.error());
  }
}

// The trail is at the place's directory then.
template <class P>
auto FileSystem<P>::find_place(const Start& start, Trail& trail) -> Result<Place> {
  std::string_view left = trail.path;
  std::string_view name = take_name(left);
  while (has_more(left)) {
    auto next = step(start, *trail.at, name);
    if (!next) return std::unexpected(next.error());
    if ((*next)->is_link()) {
      if (auto done = follow(start, trail, **next, left); !done)
        return std::unexpected(done.error());
      left = trail.path;
    } else {
      trail.at = std::move(*next);
    }
    name = take_name(left);
  }
  if (!trail.at->is_directory()) return no_directory;
  return Place{.directory = trail.at,
               .name = std::string(name),
               .is_normal = !name.empty() && name != "." && name != "..",
               .has_slash = !left.empty()};
}

template <class P>
auto FileSystem<P>::find_place(const Start& start, std::string_view path) -> Result<Place> {
  Trail trail{.at = start.at, .path = std::string(path)};
  return find_place(start, trail);
}

template <class P>
Result<> FileSystem<P>::make_at(const Place& place, mode_t mode, Ref<Node>& made) {
  if (place.name.size() > NAME_MAX) return std::unexpected(Errno{ENAMETOOLONG});
  if (!place.directory->is_linked) return absent;
  const mode_t umask = S_ISLNK(mode) ? 0 : 022;
  made = make_ref<Node>(++last_number_, mode & ~umask, now());
  link(*place.directory, place.name, made);
  touch(*place.directory);
  tell_name(*place.directory, *made, made->name, IN_CREATE);
  return {};
}

template <class P>
auto FileSystem<P>::find_or_make(const Start& start, std::string_view path, int flags, mode_t mode,
                                 bool& is_new) -> Result<Ref<Node>> {
  is_new = false;
  const bool follows = (flags & O_NOFOLLOW) == 0;
  if ((flags & O_CREAT) == 0) return find(start, path, follows);
  Trail trail{.at = start.at, .path = std::string(path)};
  while (true) {
    const auto place = find_place(start, trail);
    if (!place) return std::unexpected(place.error());
    if (place->is_normal && place->has_slash) return is_directory;
    auto found = step(start, *place->directory, place->name.empty() ? "." : place->name);
    if (found && (flags & O_EXCL) != 0) return exists;
    if (found && (*found)->is_directory()) return is_directory;
    if (found && (*found)->is_link() && follows) {
      if (auto done = follow(start, trail, **found, ""); !done)
        return std::unexpected(done.error());
      continue;
    }
    if (found || found.error() != Errno{ENOENT}) return found;
    Ref<Node> made;
    if (auto done = make_at(*place, S_IFREG | (mode & 07777), made); !done)
      return std::unexpected(done.error());
    is_new = true;
    return made;
  }
}

// Where something can be made: nothing is there yet.
template <class P>
auto FileSystem<P>::find_new_place(const Start& start, std::string_view path, bool makes_directory)
    -> Result<Place> {
  auto place = find_place(start, path);
  if (!place) return place;
  if (!place->is_normal) return exists;
  const auto found = step(start, *place->directory, place->name);
  if (found) return exists;
  if (found.error() != Errno{ENOENT}) return std::unexpected(found.error());
  if (place->has_slash && !makes_directory) return absent;
  return place;
}

template <class P>
Result<> FileSystem<P>::make(const Start& start, std::string_view path, mode_t mode) {
  const auto place = find_new_place(start, path, S_ISDIR(mode));
  if (!place) return std::unexpected(place.error());
  Ref<Node> made;
  return make_at(*place, mode, made);
}

template <class P>
Result<> FileSystem<P>::make_link(std::string_view target, const Start& start,
                                  std::string_view path) {
  const auto place = find_new_place(start, path, false);
  if (!place) return std::unexpected(place.error());
  Ref<Node> made;
  if (auto done = make_at(*place, S_IFLNK | 0777, made); !done) return done;
  const ByteView bytes = as_bytes(target);
  made->bytes.assign(bytes.begin(), bytes.end());
  return {};
}

template <class P>
Result<> FileSystem<P>::remove(const Start& start, std::string_view path, int flags) {
  const bool wants_directory = (flags & AT_REMOVEDIR) != 0;
  const auto place = find_place(start, path);
  if (!place) return std::unexpected(place.error());
  if (!place->is_normal) {
    if (!wants_directory) return is_directory;
    if (place->name.empty()) return std::unexpected(Errno{EBUSY});
    return std::unexpected(place->name == "." ? Errno::invalid : Errno{ENOTEMPTY});
  }
  const auto found = step(start, *place->directory, place->name);
  if (!found) return std::unexpected(found.error());
  Node& node = **found;
  if (wants_directory) {
    if (!node.is_directory()) return no_directory;
    if (!node.children.empty()) return std::unexpected(Errno{ENOTEMPTY});
  } else {
    if (node.is_directory()) return is_directory;
    if (place->has_slash) return no_directory;
  }
  unlink(node);
  touch(*place->directory);
  if (!wants_directory) tell_itself(node, IN_ATTRIB);  // It has one link less.
  end_unused(node);
  tell_name(*place->directory, node, node.name, IN_DELETE);
  return {};
}

// ---- rename -------------------------------------------------------------------------------------

// Whether `source` may come to where `target` is, or nothing.
template <class P>
Result<> FileSystem<P>::may_replace(const Place& to, Node& source, Node* target) {
  if (target == nullptr) {
    if (!to.directory->is_linked) return absent;
    return {};
  }
  if (source.is_directory() && !target->is_directory()) return no_directory;
  if (!source.is_directory() && target->is_directory()) return is_directory;
  if (!target->children.empty()) return std::unexpected(Errno{ENOTEMPTY});
  return {};
}

template <class P>
Result<> FileSystem<P>::rename(const Start& from, std::string_view from_path,
                               const Result<Start>& to, std::string_view to_path, unsigned flags) {
  const auto from_place = find_place(from, from_path);
  if (!from_place) return std::unexpected(from_place.error());
  if (!to) return std::unexpected(to.error());
  const auto to_place = find_place(*to, to_path);
  if (!to_place) return std::unexpected(to_place.error());
  const bool may_replace_it = (flags & RENAME_NOREPLACE) == 0;
  if (!from_place->is_normal) return std::unexpected(Errno{EBUSY});
  if (!to_place->is_normal) return std::unexpected(may_replace_it ? Errno{EBUSY} : Errno{EEXIST});

  const auto source = step(from, *from_place->directory, from_place->name);
  if (!source) return std::unexpected(source.error());
  const auto target = step(*to, *to_place->directory, to_place->name);
  if (!target && target.error() != Errno{ENOENT}) return std::unexpected(target.error());
  if (target && !may_replace_it) return exists;
  if (!(*source)->is_directory() && (from_place->has_slash || to_place->has_slash))
    return no_directory;
  for (const Node* above = to_place->directory.get(); above != nullptr; above = above->parent.get())
    if (above == source->get()) return std::unexpected(Errno::invalid);
  for (const Node* above = from_place->directory.get(); above; above = above->parent.get())
    if (target && above == target->get()) return std::unexpected(Errno{ENOTEMPTY});
  if (target && target->get() == source->get()) return {};
  Node* const replaced = target ? target->get() : nullptr;
  if (auto done = may_replace(*to_place, **source, replaced); !done) return done;

  if (replaced != nullptr) unlink(*replaced);
  move(**source, *to_place);
  if (replaced != nullptr) tell_itself(*replaced, IN_ATTRIB);
  tell_itself(**source, IN_MOVE_SELF);
  if (replaced != nullptr) end_unused(*replaced);
  return {};
}

template <class P>
void FileSystem<P>::move(Node& source, const Place& to) {
  const Ref<Node> held(source);
  const Ref<Node> from = source.parent;
  const std::string former = source.name;
  unlink(source);
  link(*to.directory, to.name, held);
  touch(*from);
  touch(*to.directory);
  source.changed = now();
  const std::uint32_t cookie = ++last_cookie_;
  tell_name(*from, source, former, IN_MOVED_FROM, cookie);
  tell_name(*to.directory, source, source.name, IN_MOVED_TO, cookie);
  unpin(*from);
}

// ---- the tree -----------------------------------------------------------------------------------

// A child is one of the pins of its parent until it is over, which can be long after it was
// deleted.
template <class P>
void FileSystem<P>::link(Node& directory, std::string_view name, Ref<Node> node) {
  node->parent = Ref<Node>(directory);
  node->name = name;
  node->is_linked = true;
  pin(directory);
  directory.children.emplace(std::string(name), std::move(node));
}

template <class P>
void FileSystem<P>::unlink(Node& node) {
  node.is_linked = false;
  node.changed = now();
  node.parent->children.erase(node.name);
}

template <class P>
void FileSystem<P>::touch(Node& directory) {
  directory.modified = directory.changed = now();
}

template <class P>
void FileSystem<P>::unpin(Node& node) {
  --node.pins;
  end_unused(node);
}

template <class P>
void FileSystem<P>::end_unused(Node& node) {
  if (node.pins > 0 || node.is_linked) return;
  tell_itself(node, IN_DELETE_SELF);
  for (const auto& [by, watch] : std::vector(node.watched)) by->remove_watch(watch);
  unpin(*node.parent);
}

template class FileSystem<Single>;
template class FileSystem<Threads>;

}  // namespace tocsin::vkern
