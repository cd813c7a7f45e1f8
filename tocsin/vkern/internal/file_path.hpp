// SPDX-License-Identifier: MIT
//
// path_of, start_of: what every call that takes a path makes of it first.
//
//     openat(directory, path, ...) ──> [ path_of, start_of ] ──> FileSystem
//
// Thread rule: any thread.
#pragma once

#include <fcntl.h>

#include <climits>
#include <mutex>
#include <string_view>

#include "tocsin/vkern/file_object.hpp"
#include "tocsin/vkern/file_system.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern::internal {

/// EFAULT, ENOENT for an empty one, ENAMETOOLONG: path_resolution(7).
inline Result<std::string_view> path_of(const char* path) {
  if (path == nullptr) return std::unexpected(Errno{EFAULT});
  const std::string_view text = path;
  if (text.empty()) return std::unexpected(Errno{ENOENT});
  if (text.size() >= PATH_MAX) return std::unexpected(Errno{ENAMETOOLONG});
  return text;
}

/// Where `path` begins: at the root, which is also the working directory of every process; or at
/// what `directory` is open on. EBADF, ENOTDIR. Called without the file system's lock.
template <class P>
Result<PathStart<P>> start_of(Process<P>& process, int directory, std::string_view path) {
  if (directory == AT_FDCWD || path.starts_with('/'))
    return PathStart<P>{.at = Ref(process.system().files().root())};
  const auto open = process.get(directory);
  if (!open) return std::unexpected(open.error());
  FileObject<P>* const file = (*open)->object().as_file();
  if (file == nullptr || !file->node().is_directory()) return std::unexpected(Errno{ENOTDIR});
  return PathStart<P>{.at = Ref(file->node())};
}

}  // namespace tocsin::vkern::internal
