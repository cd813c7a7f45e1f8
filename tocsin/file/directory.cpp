// SPDX-License-Identifier: MIT
#include "tocsin/file/directory.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

namespace tocsin {
namespace {

constexpr open_how how{.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                       .mode = 0,
                       .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};

// "The kernel could not ensure that a '..' component did not escape [...] it may be the case that
// the operation could succeed if retried" (openat2(2), EAGAIN).
constexpr int most_attempts = 4;

}  // namespace

Result<Directory> Directory::open(Kernel& kernel, const char* path) {
  auto fd = own(kernel, kernel.openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
  if (!fd) return std::unexpected(fd.error());
  Directory directory(kernel, std::move(*fd));
  // Whoever may not list the folder (EACCES) may still serve what is in it.
  if (auto self = directory.open_below("."); !self && self.error() != Errno{EACCES})
    return std::unexpected(self.error());
  return directory;
}

Result<Fd> Directory::open_below(const char* path) const {
  auto file = own(*kernel_, kernel_->openat2(fd_.get(), path, how));
  for (int i = 1; i < most_attempts && !file && file.error() == Errno::again; ++i)
    file = own(*kernel_, kernel_->openat2(fd_.get(), path, how));
  return file;
}

Result<FileFacts> Directory::facts_of(const Fd& file) const {
  struct statx status{};
  if (auto done = kernel_->statx(file.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, status); !done)
    return std::unexpected(done.error());
  return FileFacts{.is_regular = S_ISREG(status.stx_mode),
                   .is_directory = S_ISDIR(status.stx_mode),
                   .size = status.stx_size,
                   .inode = status.stx_ino,
                   .modified_seconds = status.stx_mtime.tv_sec,
                   .modified_nanoseconds = status.stx_mtime.tv_nsec};
}

Result<std::size_t> Directory::read(const Fd& file, MutableBytes room) const {
  std::size_t filled = 0;
  while (filled < room.size()) {
    const auto count = kernel_->pread(file.get(), room.subspan(filled), filled);
    if (!count && count.error() == Errno::interrupted) continue;
    if (!count) return std::unexpected(count.error());
    if (*count == 0) break;
    filled += *count;
  }
  return filled;
}

}  // namespace tocsin
