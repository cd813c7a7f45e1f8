// SPDX-License-Identifier: MIT
//
// Process: openat(2), openat2(2): from a name to a descriptor, by the kind of what is there.
#include <fcntl.h>
#include <sys/inotify.h>

#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <mutex>
#include <string>

#include "tocsin/vkern/internal/file_path.hpp"
#include "tocsin/vkern/pipe.hpp"
#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/regular_file.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected invalid{Errno::invalid};

// The kernel's O_LARGEFILE, which the C library has as 0 where every file is large.
constexpr int large_file = 0100000;

constexpr int known = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK |
                      O_SYNC | O_ASYNC | O_DIRECT | large_file | O_DIRECTORY | O_NOFOLLOW |
                      O_NOATIME | O_CLOEXEC | O_PATH;
constexpr int known_of_path = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
// What open(2) does and nobody is shown later.
constexpr int of_the_call = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC;

// O_TMPFILE without the O_DIRECTORY in it. A file without a name is none of this file system's.
constexpr int nameless = O_TMPFILE & ~O_DIRECTORY;

Errno nameless_error(int flags) {
  const bool is_valid = (flags & (O_TMPFILE | O_CREAT)) == O_TMPFILE &&
                        ((flags & O_ACCMODE) == O_WRONLY || (flags & O_ACCMODE) == O_RDWR);
  return is_valid ? Errno::unsupported : Errno::invalid;
}

constexpr std::uint64_t known_resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS |
                                        RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT |
                                        RESOLVE_CACHED;

// The descriptor in "/proc/self/fdinfo/N" (proc(5)); none if that is not what `path` is.
std::optional<int> number_of_fdinfo(std::string_view path) {
  constexpr std::string_view folder = "/proc/self/fdinfo/";
  if (!path.starts_with(folder)) return std::nullopt;
  path.remove_prefix(folder.size());
  int number = -1;
  const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), number);
  if (error != std::errc{} || end != path.data() + path.size()) return -1;
  return number;
}

template <class P>
std::string fdinfo_of(Description<P>& description, bool close_on_exec) {
  FileObject<P>* const file = description.object().as_file();
  const int flags = description.flags() | (close_on_exec ? O_CLOEXEC : 0);
  char lines[128];
  std::snprintf(lines, sizeof lines, "pos:\t0\nflags:\t0%o\nmnt_id:\t%d\nino:\t%" PRIu64 "\n",
                static_cast<unsigned>(flags), file != nullptr ? 1 : 2,
                file != nullptr ? file->node().number : 0);
  return lines + description.object().fdinfo();
}

}  // namespace

// ---- what is opened -----------------------------------------------------------------------------

namespace internal {

/// One openat2(2): `flags` are those that are left for the description.
template <class P>
class OpenCall {
 public:
  OpenCall(Process<P>& process, int flags, mode_t mode)
      : process_(process), files_(process.system().files()), flags_(flags), mode_(mode) {}

  Result<Open<P>> open(const PathStart<P>& start, std::string_view path) {
    std::unique_lock lock(files_.lock());
    bool is_new = false;
    const auto found = files_.find_or_make(start, path, flags_, mode_, is_new);
    if (!found) return std::unexpected(found.error());
    FileNode<P>& node = **found;
    if ((flags_ & O_DIRECTORY) != 0 && !node.is_directory()) return std::unexpected(Errno{ENOTDIR});
    if ((flags_ & O_PATH) != 0) return opened(make_ref<PathHandle<P>>(files_, node));
    if (node.is_link()) return std::unexpected(Errno{ELOOP});  // O_NOFOLLOW.
    if (node.is_directory()) return open_directory(node);
    if (node.is_fifo()) return open_fifo(node, lock);
    return open_regular(node, is_new);
  }

 private:
  Open<P> opened(Ref<FileObject<P>> object) {
    const bool is_path = (flags_ & O_PATH) != 0;
    return open_new<P>(std::move(object), (flags_ & ~of_the_call) | (is_path ? 0 : large_file));
  }

  Result<Open<P>> open_directory(FileNode<P>& node) {
    if ((flags_ & O_ACCMODE) != O_RDONLY || (flags_ & O_TRUNC) != 0)
      return std::unexpected(Errno{EISDIR});
    if ((flags_ & O_DIRECT) != 0) return invalid;
    Open<P> made = opened(make_ref<Directory<P>>(files_, node));
    files_.tell(node, IN_OPEN, true);
    return made;
  }

  Result<Open<P>> open_regular(FileNode<P>& node, bool is_new) {
    Open<P> made = opened(make_ref<RegularFile<P>>(files_, node));
    files_.tell(node, IN_OPEN, true);
    if ((flags_ & O_TRUNC) != 0 && !is_new) {
      node.bytes.clear();
      node.modified = node.changed = files_.now();
      files_.tell(node, IN_MODIFY, false);
    }
    return made;
  }

  // Waits for the other side with the file system unlocked; a FIFO that is deleted meanwhile is
  // opened all the same.
  Result<Open<P>> open_fifo(FileNode<P>& node, std::unique_lock<typename P::Lock>& lock) {
    if (!node.fifo) node.fifo = make_ref<Pipe<P>>(process_.system());
    const auto pipe = Ref<Pipe<P>>(static_cast<Pipe<P>&>(*node.fifo));
    const Ref<FileNode<P>> held(node);
    files_.pin(node);
    lock.unlock();
    auto end = Pipe<P>::open_fifo(process_, pipe, flags_ & ~of_the_call);
    lock.lock();
    if (!end) {
      files_.unpin(node);
      return end;
    }
    Open<P> made = opened(make_ref<NamedPipe<P>>(files_, node, std::move(*end)));
    files_.unpin(node);
    files_.tell(node, IN_OPEN, true);
    return made;
  }

  Process<P>& process_;
  FileSystem<P>& files_;
  int flags_;
  mode_t mode_;
};

}  // namespace internal

// ---- the calls ----------------------------------------------------------------------------------

template <class P>
Result<int> Process<P>::openat(int directory, const char* path, int flags, mode_t mode) {
  if ((flags & nameless) != 0) return std::unexpected(nameless_error(flags));
  flags &= known;
  if ((flags & O_PATH) != 0) flags &= known_of_path;
  open_how how{};
  how.flags = static_cast<unsigned>(flags);
  if ((flags & O_CREAT) != 0) how.mode = mode & 07777;
  return this->openat2(directory, path, how);
}

template <class P>
Result<int> Process<P>::openat2(int directory, const char* path, const open_how& how) {
  auto flags = static_cast<int>(how.flags);
  if ((flags & O_SYNC) != 0) flags |= O_DSYNC;  // Half of O_SYNC is not to be had without this one.
  if ((how.flags & ~static_cast<std::uint64_t>(known)) != 0) return invalid;
  if ((how.resolve & ~known_resolve) != 0) return invalid;
  if ((how.resolve & RESOLVE_BENEATH) != 0 && (how.resolve & RESOLVE_IN_ROOT) != 0) return invalid;
  if ((flags & O_CREAT) != 0 ? (how.mode & ~std::uint64_t{07777}) != 0 : how.mode != 0)
    return invalid;
  if ((flags & O_PATH) != 0 && (flags & ~known_of_path) != 0) return invalid;
  if ((flags & O_CREAT) != 0 && (flags & O_DIRECTORY) != 0) return invalid;

  auto text = internal::path_of(path);
  if (!text) return std::unexpected(text.error());
  // The new number is drawn before the name is looked up: nothing is made in vain, and a FIFO waits
  // for its other end with it.
  auto drawn = descriptors_.draw((flags & O_CLOEXEC) != 0);
  if (!drawn) return std::unexpected(drawn.error());
  if (const auto number = number_of_fdinfo(*text)) {
    auto opened = open_fdinfo(*number, flags);
    if (!opened) return std::unexpected(opened.error());
    return std::move(*drawn).fill(std::move(*opened));
  }
  const bool is_absolute = text->starts_with('/');
  const bool is_beneath = (how.resolve & RESOLVE_BENEATH) != 0;
  const bool is_root = (how.resolve & RESOLVE_IN_ROOT) != 0;
  if (is_absolute && is_beneath) return std::unexpected(Errno{EXDEV});
  // In a root of its own an absolute path begins there too.
  auto start = internal::start_of(*this, directory, is_absolute && is_root ? "." : *text);
  if (!start) return std::unexpected(start.error());
  start->is_beneath = is_beneath;
  start->is_root = is_root;
  start->refuses_link = (how.resolve & RESOLVE_NO_SYMLINKS) != 0;
  auto opened =
      internal::OpenCall<P>(*this, flags, static_cast<mode_t>(how.mode)).open(*start, *text);
  if (!opened) return std::unexpected(opened.error());
  return std::move(*drawn).fill(std::move(*opened));
}

// A file that is nowhere in the tree, with what is true at this moment in it.
template <class P>
Result<Open<P>> Process<P>::open_fdinfo(int number, int flags) {
  const Open<P> of = descriptors_.get(number);
  if (!of) return std::unexpected(Errno{ENOENT});
  if ((flags & O_ACCMODE) != O_RDONLY) return std::unexpected(Errno{EACCES});
  const std::string text = fdinfo_of(*of, descriptors_.close_on_exec(number).value_or(false));
  Open<P> opened;
  {
    FileSystem<P>& files = system_.files();
    const std::lock_guard lock(files.lock());
    auto node = make_ref<FileNode<P>>(std::uint64_t{0}, mode_t{S_IFREG | 0400}, files.now());
    const ByteView bytes = as_bytes(text);
    node->bytes.assign(bytes.begin(), bytes.end());
    node->is_linked = true;  // Nobody will ever be told that it has gone.
    opened = open_new<P>(make_ref<RegularFile<P>>(files, *node), flags & ~of_the_call);
  }
  return opened;
}

template Result<int> Process<Single>::openat(int, const char*, int, mode_t);
template Result<int> Process<Single>::openat2(int, const char*, const open_how&);
template Result<Open<Single>> Process<Single>::open_fdinfo(int, int);
template Result<int> Process<Threads>::openat(int, const char*, int, mode_t);
template Result<int> Process<Threads>::openat2(int, const char*, const open_how&);
template Result<Open<Threads>> Process<Threads>::open_fdinfo(int, int);

}  // namespace tocsin::vkern
