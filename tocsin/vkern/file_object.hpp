// SPDX-License-Identifier: MIT
//
// FileObject: one opening of a file of the tree; Directory and PathHandle, which are openings that
// nothing can be read through; NamedPipe, which is one of a FIFO.
//
//     fd ──> Description ──> [ FileObject ] ──> FileNode
//
// Two openings of one file share its FileNode and nothing else: where a read goes on is kept here.
// Whatever is done through one is told to those who watch the file or its directory, until
// IN_CLOSE_WRITE or IN_CLOSE_NOWRITE.
//
// No epoll takes a regular file or a directory (EPERM); a poll(2) finds them ready for everything,
// always.
//
// Ownership: it pins its node: what was deleted is not over as long as it is open.
// Thread rule: as Object; its lock is the file system's, but for a FIFO.
#pragma once

#include <cstdint>

#include "tocsin/vkern/description.hpp"
#include "tocsin/vkern/file_system.hpp"

namespace tocsin::vkern {

template <class P>
class FileObject : public Object<P> {
 public:
  ~FileObject() override = default;

  FileNode<P>& node() const { return *node_; }

  Mask poll(Description<P>& description, PollTable* table, Mask requested) override;
  void released(Description<P>& description) override;
  FileObject<P>* as_file() override { return this; }

  /// pread(2), pwrite(2): ESPIPE for what has no offsets, EISDIR, EFBIG.
  bool has_places() const override { return !node_->is_fifo(); }
  Count read_at(MutableBytes into, std::uint64_t offset) override;
  Count write_at(Description<P>& description, ByteView bytes, std::uint64_t offset) override;
  /// Tells those who watch it: for reading that is told though nothing, or nothing yet, was read.
  void was_read();

 protected:
  /// Under the file system's lock. `lock`: the object's own, which is the file system's in most
  /// kinds.
  FileObject(FileSystem<P>& files, FileNode<P>& node, typename P::Lock& lock);

  FileSystem<P>& files() const { return files_; }

 private:
  FileSystem<P>& files_;
  Ref<FileNode<P>> node_;
};

/// A directory. read(2) and its like: EISDIR.
template <class P>
class Directory final : public FileObject<P> {
 public:
  Directory(FileSystem<P>& files, FileNode<P>& node) : FileObject<P>(files, node, files.lock()) {}

  Count read(Process<P>& process, Description<P>& description, MutableBytes into) override;
  Count read_at(MutableBytes into, std::uint64_t offset) override;
};

/// What O_PATH opens: a place in the tree, for the `directory` of other calls. Nobody is told of
/// it, and to most calls its descriptor is as good as closed: EBADF.
template <class P>
class PathHandle final : public FileObject<P> {
 public:
  PathHandle(FileSystem<P>& files, FileNode<P>& node) : FileObject<P>(files, node, files.lock()) {}

  Mask poll(Description<P>& description, PollTable* table, Mask requested) override;
  Count read(Process<P>& process, Description<P>& description, MutableBytes into) override;
  Count write(Process<P>& process, Description<P>& description, ByteView bytes) override;
  Result<int> ioctl(Process<P>& process, Description<P>& description, unsigned long request,
                    void* argument) override;
  Count read_at(MutableBytes into, std::uint64_t offset) override;
  Count write_at(Description<P>& description, ByteView bytes, std::uint64_t offset) override;
};

/// A FIFO by its name: what a pipe does, and who is told of it.
template <class P>
class NamedPipe final : public FileObject<P> {
 public:
  /// `pipe` is open on the pipe itself, and ends with this.
  NamedPipe(FileSystem<P>& files, FileNode<P>& node, Open<P> pipe);

  Mask poll(Description<P>& description, PollTable* table, Mask requested) override;
  Count read(Process<P>& process, Description<P>& description, MutableBytes into) override;
  Count write(Process<P>& process, Description<P>& description, ByteView bytes) override;
  Result<int> ioctl(Process<P>& process, Description<P>& description, unsigned long request,
                    void* argument) override;
  Result<int> fcntl(Description<P>& description, int command, int argument) override;
  int changeable_flags() const override { return pipe_object_->changeable_flags(); }
  Result<> flags_change(Description<P>& description, int flags) override;
  void released(Description<P>& description) override;

 private:
  Count told(Count count, std::uint32_t event);

  Ref<Object<P>> pipe_object_;  // Whose lock this has.
  Open<P> pipe_;
};

}  // namespace tocsin::vkern
