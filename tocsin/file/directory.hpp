// SPDX-License-Identifier: MIT
//
// Directory: the files below one folder, and nothing else.
//
//     a path from outside ──> [ Directory::open_below ] ──> Fd ──> read, send_file
//
// Whoever serves files lets strangers choose paths. That a path stays below the folder is kept by
// the kernel itself, in the very call that opens the file: openat2(2) with RESOLVE_BENEATH (no way
// up or out, whatever is renamed meanwhile), RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS. To look
// at the path first and open it afterwards, component by component, is what such servers have been
// broken by.
//
// The calls here are synchronous: they wait for the disk when a name or a page is not in the
// kernel's caches.
//
// Ownership: it owns the folder's descriptor; the Kernel must outlive it. Thread rule: any thread.
#pragma once

#include <cstdint>

#include "tocsin/base/bytes.hpp"
#include "tocsin/kern/fd.hpp"

namespace tocsin {

/// What is to be known of an open file before it is served; see statx(2).
struct FileFacts {
  bool is_regular = false;
  bool is_directory = false;
  std::uint64_t size = 0;
  std::uint64_t inode = 0;
  std::int64_t modified_seconds = 0;  // Since 1970.
  std::uint32_t modified_nanoseconds = 0;
};

class Directory {
 public:
  /// Opens the folder `path`, through symbolic links if there are any. Fails as open(2): ENOENT,
  /// ENOTDIR, EACCES, ...; with ENOSYS where the kernel has no openat2 (before 5.6).
  static Result<Directory> open(Kernel& kernel, const char* path);

  /// Opens `path` for reading; relative, "." for the folder itself. Never waits for a writer, as
  /// open(2) of a FIFO would. Fails as openat2(2): ENOENT, EACCES, ...; with EXDEV for a path that
  /// leaves the folder, with ELOOP for one with a symbolic link in it.
  Result<Fd> open_below(const char* path) const;

  /// Fails as statx(2).
  Result<FileFacts> facts_of(const Fd& file) const;

  /// Fills `room` from the start of `file`; fewer bytes only if the file has no more. Fails as
  /// pread(2): EIO, EISDIR.
  Result<std::size_t> read(const Fd& file, MutableBytes room) const;

 private:
  Directory(Kernel& kernel, Fd fd) : kernel_(&kernel), fd_(std::move(fd)) {}

  Kernel* kernel_;
  Fd fd_;
};

}  // namespace tocsin
