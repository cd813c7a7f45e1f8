// SPDX-License-Identifier: MIT
//
// FileNode: one file of the tree: its kind, its content, its name, and who watches it.
//
//     FileObject (open) ──> [ FileNode ] ──parent──> FileNode ... /
//                                └─ watched by: the inotify instances that have a watch on it
//
// It is the kernel's inode and dentry in one, since a file has one name here: there are no hard
// links. What is deleted while it is open keeps its parent and its name, as Linux keeps the dentry,
// because events go on naming it; it is over when the last opening of it goes.
//
// Ownership: counted; a directory refers to its children, a child to its directory. FileSystem cuts
// that circle when it ends.
// Thread rule: all of it under the lock of the FileSystem.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tocsin/base/time.hpp"
#include "tocsin/vkern/object.hpp"

namespace tocsin::vkern {

template <class P>
class Inotify;

template <class P>
class FileNode final : public Counted<P> {
 public:
  /// A watch of an inotify instance. The instance takes it away before either ends.
  struct Watched {
    Inotify<P>* by;
    int watch;
  };

  FileNode(std::uint64_t its_number, mode_t type_and_mode, Duration now)
      : number(its_number), mode(type_and_mode), accessed(now), modified(now), changed(now) {}

  bool is_directory() const { return S_ISDIR(mode); }
  bool is_regular() const { return S_ISREG(mode); }
  bool is_fifo() const { return S_ISFIFO(mode); }
  bool is_link() const { return S_ISLNK(mode); }

  std::uint64_t number;  // Of the inode.
  mode_t mode;
  Duration accessed;  // Of CLOCK_REALTIME, since 1970; so the other two.
  Duration modified;
  Duration changed;

  Ref<FileNode> parent;    // None: the root.
  std::string name;        // In the parent; its last one, if it is deleted.
  bool is_linked = false;  // Whether the parent has it under that name.
  /// Openings, and children that are not over: as long as there is one, it is not over itself.
  std::uint32_t pins = 0;

  std::map<std::string, Ref<FileNode>, std::less<>> children;  // Of a directory.
  std::vector<std::byte> bytes;  // Of a regular file; of a symbolic link, where it leads.
  Ref<Object<P>> fifo;           // Of a FIFO, once it was opened.
  std::vector<Watched> watched;  // In the order in which the instances were made.
};

}  // namespace tocsin::vkern
