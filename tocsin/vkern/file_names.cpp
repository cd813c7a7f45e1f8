// SPDX-License-Identifier: MIT
//
// Process: files by their names: what is there, and what becomes of it.
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <cstring>
#include <mutex>

#include "tocsin/vkern/internal/file_path.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected invalid{Errno::invalid};

statx_timestamp time_of(Duration since_1970) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_1970);
  statx_timestamp stamp{};
  stamp.tv_sec = seconds.count();
  stamp.tv_nsec = static_cast<std::uint32_t>((since_1970 - seconds).count());
  return stamp;
}

template <class P>
void describe(const FileNode<P>& node, struct statx& into) {
  constexpr std::uint64_t sector = 512;
  constexpr std::uint64_t page = 4096;
  into.stx_mask = STATX_BASIC_STATS;
  into.stx_blksize = page;
  into.stx_nlink = node.is_linked ? 1 : 0;
  into.stx_mode = static_cast<std::uint16_t>(node.mode);
  into.stx_ino = node.number;
  into.stx_size = node.bytes.size();
  if (node.is_regular()) into.stx_blocks = (node.bytes.size() + page - 1) / page * (page / sector);
  into.stx_atime = time_of(node.accessed);
  into.stx_mtime = time_of(node.modified);
  into.stx_ctime = time_of(node.changed);
}

// As utimensat(2) takes it.
bool is_time(const timespec& time) {
  return (time.tv_nsec >= 0 && time.tv_nsec < 1'000'000'000) || time.tv_nsec == UTIME_NOW ||
         time.tv_nsec == UTIME_OMIT;
}

Duration wanted_time(const timespec* times, std::size_t which, Duration now) {
  if (times == nullptr || times[which].tv_nsec == UTIME_NOW) return now;
  return std::chrono::seconds{times[which].tv_sec} + Duration{times[which].tv_nsec};
}

// What has no name has no node either: only its kind is known.
template <class P>
void describe(Object<P>& object, struct statx& into) {
  into.stx_mask = STATX_BASIC_STATS;
  into.stx_blksize = 4096;
  into.stx_nlink = 1;
  into.stx_mode = object.as_socket() != nullptr ? S_IFSOCK | 0777 : 0600;
}

}  // namespace

// ---- statx(2) -----------------------------------------------------------------------------------

template <class P>
Result<> Process<P>::statx(int directory, const char* path, int flags, unsigned mask,
                           struct statx& into) {
  constexpr int known = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH |
                        AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC;
  if ((mask & STATX__RESERVED) != 0 || (flags & ~known) != 0) return invalid;
  if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE) return invalid;
  into = {};
  const bool is_empty = path == nullptr || *path == '\0';
  if (is_empty && (flags & AT_EMPTY_PATH) != 0 && directory != AT_FDCWD) {
    const Open<P> open = descriptors_.get(directory);
    if (!open) return std::unexpected(Errno{EBADF});
    FileObject<P>* const file = open->object().as_file();
    if (file == nullptr) return describe(open->object(), into), Result<>();
    const std::lock_guard lock(system_.files().lock());
    return describe(file->node(), into), Result<>();
  }
  const auto text = internal::path_of(is_empty && (flags & AT_EMPTY_PATH) != 0 ? "." : path);
  if (!text) return std::unexpected(text.error());
  const auto start = internal::start_of(*this, directory, *text);
  if (!start) return std::unexpected(start.error());
  const std::lock_guard lock(system_.files().lock());
  const auto node = system_.files().find(*start, *text, (flags & AT_SYMLINK_NOFOLLOW) == 0);
  if (!node) return std::unexpected(node.error());
  describe(**node, into);
  return {};
}

// ---- making and removing ------------------------------------------------------------------------

template <class P>
Result<> Process<P>::mkdirat(int directory, const char* path, mode_t mode) {
  const auto text = internal::path_of(path);
  if (!text) return std::unexpected(text.error());
  const auto start = internal::start_of(*this, directory, *text);
  if (!start) return std::unexpected(start.error());
  const std::lock_guard lock(system_.files().lock());
  return system_.files().make(*start, *text, S_IFDIR | (mode & 01777));
}

template <class P>
Result<> Process<P>::mknodat(int directory, const char* path, mode_t mode) {
  const mode_t kind = (mode & S_IFMT) == 0 ? S_IFREG : mode & S_IFMT;
  if (kind != S_IFREG && kind != S_IFIFO) {
    const bool is_other = kind == S_IFDIR || kind == S_IFCHR || kind == S_IFBLK;
    return std::unexpected(is_other ? Errno::not_permitted : Errno::invalid);
  }
  const auto text = internal::path_of(path);
  if (!text) return std::unexpected(text.error());
  const auto start = internal::start_of(*this, directory, *text);
  if (!start) return std::unexpected(start.error());
  const std::lock_guard lock(system_.files().lock());
  return system_.files().make(*start, *text, kind | (mode & 07777));
}

template <class P>
Result<> Process<P>::symlinkat(const char* target, int directory, const char* path) {
  const auto leads_to = internal::path_of(target);
  if (!leads_to) return std::unexpected(leads_to.error());
  const auto text = internal::path_of(path);
  if (!text) return std::unexpected(text.error());
  const auto start = internal::start_of(*this, directory, *text);
  if (!start) return std::unexpected(start.error());
  const std::lock_guard lock(system_.files().lock());
  return system_.files().make_link(*leads_to, *start, *text);
}

template <class P>
Result<> Process<P>::unlinkat(int directory, const char* path, int flags) {
  if ((flags & ~AT_REMOVEDIR) != 0) return invalid;
  const auto text = internal::path_of(path);
  if (!text) return std::unexpected(text.error());
  const auto start = internal::start_of(*this, directory, *text);
  if (!start) return std::unexpected(start.error());
  const std::lock_guard lock(system_.files().lock());
  return system_.files().remove(*start, *text, flags);
}

template <class P>
Result<> Process<P>::renameat2(int from, const char* from_path, int to, const char* to_path,
                               unsigned flags) {
  if ((flags & ~static_cast<unsigned>(RENAME_NOREPLACE)) != 0) return invalid;
  const auto from_text = internal::path_of(from_path);
  if (!from_text) return std::unexpected(from_text.error());
  const auto from_start = internal::start_of(*this, from, *from_text);
  if (!from_start) return std::unexpected(from_start.error());
  const auto to_text = internal::path_of(to_path);
  Result<PathStart<P>> to_start = std::unexpected(Errno::invalid);
  if (to_text)
    to_start = internal::start_of(*this, to, *to_text);
  else
    to_start = std::unexpected(to_text.error());
  const std::lock_guard lock(system_.files().lock());
  return system_.files().rename(*from_start, *from_text, to_start, to_text.value_or(""), flags);
}

template <class P>
Result<> Process<P>::fchmodat(int directory, const char* path, mode_t mode) {
  const auto text = internal::path_of(path);
  if (!text) return std::unexpected(text.error());
  const auto start = internal::start_of(*this, directory, *text);
  if (!start) return std::unexpected(start.error());
  const std::lock_guard lock(system_.files().lock());
  const auto node = system_.files().find(*start, *text);
  if (!node) return std::unexpected(node.error());
  (*node)->mode = ((*node)->mode & S_IFMT) | (mode & 07777);
  (*node)->changed = system_.files().now();
  system_.files().tell(**node, IN_ATTRIB, false);
  return {};
}

// To have both changed is told as a change of attributes; one of them, as if the file had been read
// or written.
template <class P>
Result<> Process<P>::utimensat(int directory, const char* path, const timespec* times, int flags) {
  if (path == nullptr) return invalid;  // The C library's answer.
  const bool sets_accessed = times == nullptr || times[0].tv_nsec != UTIME_OMIT;
  const bool sets_modified = times == nullptr || times[1].tv_nsec != UTIME_OMIT;
  if (!sets_accessed && !sets_modified) return {};  // Whatever the path is.
  if ((flags & ~AT_SYMLINK_NOFOLLOW) != 0) return invalid;
  const auto text = internal::path_of(path);
  if (!text) return std::unexpected(text.error());
  const auto start = internal::start_of(*this, directory, *text);
  if (!start) return std::unexpected(start.error());
  FileSystem<P>& files = system_.files();
  const std::lock_guard lock(files.lock());
  const auto found = files.find(*start, *text, (flags & AT_SYMLINK_NOFOLLOW) == 0);
  if (!found) return std::unexpected(found.error());
  if (times != nullptr && (!is_time(times[0]) || !is_time(times[1]))) return invalid;
  FileNode<P>& node = **found;
  node.changed = files.now();
  if (sets_accessed) node.accessed = wanted_time(times, 0, node.changed);
  if (sets_modified) node.modified = wanted_time(times, 1, node.changed);
  const std::uint32_t one = sets_accessed ? IN_ACCESS : IN_MODIFY;
  files.tell(node, sets_accessed && sets_modified ? IN_ATTRIB : one, false);
  return {};
}

template Result<> Process<Single>::statx(int, const char*, int, unsigned, struct statx&);
template Result<> Process<Single>::mkdirat(int, const char*, mode_t);
template Result<> Process<Single>::mknodat(int, const char*, mode_t);
template Result<> Process<Single>::unlinkat(int, const char*, int);
template Result<> Process<Single>::renameat2(int, const char*, int, const char*, unsigned);
template Result<> Process<Single>::fchmodat(int, const char*, mode_t);
template Result<> Process<Single>::symlinkat(const char*, int, const char*);
template Result<> Process<Single>::utimensat(int, const char*, const timespec*, int);
template Result<> Process<Threads>::statx(int, const char*, int, unsigned, struct statx&);
template Result<> Process<Threads>::mkdirat(int, const char*, mode_t);
template Result<> Process<Threads>::mknodat(int, const char*, mode_t);
template Result<> Process<Threads>::unlinkat(int, const char*, int);
template Result<> Process<Threads>::renameat2(int, const char*, int, const char*, unsigned);
template Result<> Process<Threads>::fchmodat(int, const char*, mode_t);
template Result<> Process<Threads>::symlinkat(const char*, int, const char*);
template Result<> Process<Threads>::utimensat(int, const char*, const timespec*, int);

}  // namespace tocsin::vkern
