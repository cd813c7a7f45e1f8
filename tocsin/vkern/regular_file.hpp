// SPDX-License-Identifier: MIT
//
// RegularFile: one opening of a regular file: bytes, and a position in them.
//
//     fd ──> Description ──> [ RegularFile ] ──> FileNode::bytes
//
// As on any disk that is fast enough: nothing blocks, and nothing is ever written in part. A file
// is at most 1 GiB long, beyond which EFBIG: its bytes are memory, holes too.
//
// Ownership: as FileObject. Thread rule: as Object.
#pragma once

#include <cstdint>

#include "tocsin/vkern/file_object.hpp"

namespace tocsin::vkern {

template <class P>
class RegularFile final : public FileObject<P> {
 public:
  RegularFile(FileSystem<P>& files, FileNode<P>& node) : FileObject<P>(files, node, files.lock()) {}

  int changeable_flags() const override { return Object<P>::changeable_flags() | O_DIRECT; }
  Count read(Process<P>& process, Description<P>& description, MutableBytes into) override;
  /// With O_APPEND, at the end.
  Count write(Process<P>& process, Description<P>& description, ByteView bytes) override;
  Count read_at(MutableBytes into, std::uint64_t offset) override;
  /// With O_APPEND at the end too, whatever `offset` says (pwrite(2), "BUGS").
  Count write_at(Description<P>& description, ByteView bytes, std::uint64_t offset) override;
  /// FIONREAD: what is behind the position.
  Result<int> ioctl(Process<P>& process, Description<P>& description, unsigned long request,
                    void* argument) override;

  /// ftruncate(2): EFBIG.
  Result<> resize(std::uint64_t length);

  /// What is in the file at `offset`, in `into`, without anybody being told.
  ByteView peek(MutableBytes into, std::uint64_t offset) const;
  std::size_t size() const;

 private:
  // Under the lock.
  ByteView look(MutableBytes into, std::uint64_t offset) const;
  std::size_t copy(MutableBytes into, std::uint64_t offset);
  Result<std::uint64_t> store(Description<P>& description, ByteView bytes, std::uint64_t offset);

  std::uint64_t position_ = 0;
};

}  // namespace tocsin::vkern
