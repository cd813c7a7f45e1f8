// SPDX-License-Identifier: MIT
//
// FileSystem: the one tree of files of a System, in memory, and what is told about it.
//
//     openat, unlinkat, renameat2, ... ──> [ FileSystem ] ──> FileNode
//                                                └─ events ──> Inotify
//
// Directories, regular files, FIFOs and symbolic links; no hard links. Whoever calls is root with a
// umask of 022, as far as this tree is concerned: modes are stored and shown, and refuse nothing.
// The events of each operation, and their order, are Linux' (inotify(7) says what, the kernel
// when).
//
// One lock for the tree, for the content of the files, and for the inotify instances: what is told
// is in the order in which it happened. Every member is called with it held.
//
// Ownership: the System's; it holds the root, and everything that has a name with it.
// Thread rule: as the policy.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tocsin/base/result.hpp"
#include "tocsin/vkern/file_node.hpp"

namespace tocsin::vkern {

template <class P>
class FileObject;

/// Where a path begins, and what it may not leave.
template <class P>
struct PathStart {
  Ref<FileNode<P>> at;
  bool is_beneath = false;    // RESOLVE_BENEATH: a way out is EXDEV.
  bool is_root = false;       // RESOLVE_IN_ROOT: `..` in it is itself.
  bool refuses_link = false;  // RESOLVE_NO_SYMLINKS: one on the way is ELOOP.
};

template <class P>
class FileSystem {
 public:
  using Lock = typename P::Lock;
  using Node = FileNode<P>;
  using Start = PathStart<P>;

  explicit FileSystem(System<P>& system);
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;
  ~FileSystem();

  Lock& lock() { return lock_; }
  Node& root() { return *root_; }
  /// CLOCK_REALTIME.
  Duration now() const;

  // ---- names: path_resolution(7) ----------------------------------------------------------------

  /// What `path` names: if that is a symbolic link, what it leads to, unless `follows` is false and
  /// no slash is behind it. ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP, EXDEV.
  Result<Ref<Node>> find(const Start& start, std::string_view path, bool follows = true);

  /// As open(2) finds or makes it: `flags` are its flags; `is_new` says whether it was made.
  Result<Ref<Node>> find_or_make(const Start& start, std::string_view path, int flags, mode_t mode,
                                 bool& is_new);

  /// A directory, a regular file or a FIFO, by the type in `mode`: mkdir(2), mknod(2).
  Result<> make(const Start& start, std::string_view path, mode_t mode);

  /// A symbolic link to `target`: symlink(2).
  Result<> make_link(std::string_view target, const Start& start, std::string_view path);

  /// unlink(2); rmdir(2), if `flags` has AT_REMOVEDIR.
  Result<> remove(const Start& start, std::string_view path, int flags);

  /// rename(2); `flags`: RENAME_NOREPLACE. Where `to` is in error, that is found out after what is
  /// wrong with the directory of `from`.
  Result<> rename(const Start& from, std::string_view from_path, const Result<Start>& to,
                  std::string_view to_path, unsigned flags);

  // ---- openings ---------------------------------------------------------------------------------

  void pin(Node& node) { ++node.pins; }
  /// The last one of what has no name any more is its end: IN_DELETE_SELF.
  void unpin(Node& node);

  // ---- events -----------------------------------------------------------------------------------

  /// Tells those who watch `node`, and those who watch the directory it is in. `through_file`: it
  /// came through an open file, which IN_EXCL_UNLINK tells from what came by name.
  void tell(Node& node, std::uint32_t event, bool through_file);
  /// Tells only those who watch `node` itself.
  void tell_itself(Node& node, std::uint32_t event);
  /// Tells those who watch `directory` what happened to the name of `node` in it.
  void tell_name(Node& directory, const Node& node, std::string_view name, std::uint32_t event,
                 std::uint32_t cookie = 0);

  /// The number of the next inotify instance.
  std::uint64_t next_instance() { return ++last_instance_; }

 private:
  /// A path that is being walked: what is left of it, and where that begins.
  struct Trail {
    Ref<Node> at;
    std::string path;
    int links = 0;  // Followed so far.
  };
  /// The last component of a path, and the directory it is looked up in.
  struct Place {
    Ref<Node> directory;
    std::string name;
    bool is_normal = true;   // Neither `.` nor `..` nor nothing, as in "/".
    bool has_slash = false;  // Behind it.
  };

  Result<Ref<Node>> step(const Start& start, Node& from, std::string_view name);
  Result<> follow(const Start& start, Trail& trail, Node& link, std::string_view behind);
  Result<Place> find_place(const Start& start, Trail& trail);
  Result<Place> find_place(const Start& start, std::string_view path);
  Result<Place> find_new_place(const Start& start, std::string_view path, bool makes_directory);
  Result<> make_at(const Place& place, mode_t mode, Ref<Node>& made);
  Result<> may_replace(const Place& to, Node& source, Node* target);
  void move(Node& source, const Place& to);
  void link(Node& directory, std::string_view name, Ref<Node> node);
  void unlink(Node& node);
  void end_unused(Node& node);
  void touch(Node& directory);
  static void cut(Node& node);

  System<P>& system_;
  Lock lock_;
  std::uint64_t last_number_ = 0;
  std::uint64_t last_instance_ = 0;
  std::uint32_t last_cookie_ = 0;
  Ref<Node> root_;
};

}  // namespace tocsin::vkern
