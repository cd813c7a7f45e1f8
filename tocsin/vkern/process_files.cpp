// SPDX-License-Identifier: MIT
//
// Process: files: names, regular files, what is read at an offset.
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {

template <class P>
Result<int> Process<P>::openat(int, const char*, int, mode_t) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<int> Process<P>::openat2(int, const char*, const open_how&) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<> Process<P>::statx(int, const char*, int, unsigned, struct statx&) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Count Process<P>::pread(int, MutableBytes, std::uint64_t) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Count Process<P>::pwrite(int, ByteView, std::uint64_t) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Count Process<P>::preadv2(int, std::span<const iovec>, std::uint64_t, int) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<> Process<P>::fsync(int) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<> Process<P>::ftruncate(int, std::uint64_t) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<> Process<P>::unlinkat(int, const char*, int) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<> Process<P>::mkdirat(int, const char*, mode_t) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<> Process<P>::mknodat(int, const char*, mode_t) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<> Process<P>::renameat2(int, const char*, int, const char*, unsigned) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<> Process<P>::fchmodat(int, const char*, mode_t) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Count Process<P>::sendfile(int, int, std::uint64_t*, std::size_t) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<int> Process<P>::inotify_init1(int) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<int> Process<P>::inotify_add_watch(int, const char*, std::uint32_t) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<> Process<P>::inotify_rm_watch(int, int) {
  return std::unexpected(Errno{ENOSYS});
}

template Result<int> Process<Single>::openat(int, const char*, int, mode_t);
template Result<int> Process<Single>::openat2(int, const char*, const open_how&);
template Result<> Process<Single>::statx(int, const char*, int, unsigned, struct statx&);
template Count Process<Single>::pread(int, MutableBytes, std::uint64_t);
template Count Process<Single>::pwrite(int, ByteView, std::uint64_t);
template Count Process<Single>::preadv2(int, std::span<const iovec>, std::uint64_t, int);
template Result<> Process<Single>::fsync(int);
template Result<> Process<Single>::ftruncate(int, std::uint64_t);
template Result<> Process<Single>::unlinkat(int, const char*, int);
template Result<> Process<Single>::mkdirat(int, const char*, mode_t);
template Result<> Process<Single>::mknodat(int, const char*, mode_t);
template Result<> Process<Single>::renameat2(int, const char*, int, const char*, unsigned);
template Result<> Process<Single>::fchmodat(int, const char*, mode_t);
template Count Process<Single>::sendfile(int, int, std::uint64_t*, std::size_t);
template Result<int> Process<Single>::inotify_init1(int);
template Result<int> Process<Single>::inotify_add_watch(int, const char*, std::uint32_t);
template Result<> Process<Single>::inotify_rm_watch(int, int);
template Result<int> Process<Threads>::openat(int, const char*, int, mode_t);
template Result<int> Process<Threads>::openat2(int, const char*, const open_how&);
template Result<> Process<Threads>::statx(int, const char*, int, unsigned, struct statx&);
template Count Process<Threads>::pread(int, MutableBytes, std::uint64_t);
template Count Process<Threads>::pwrite(int, ByteView, std::uint64_t);
template Count Process<Threads>::preadv2(int, std::span<const iovec>, std::uint64_t, int);
template Result<> Process<Threads>::fsync(int);
template Result<> Process<Threads>::ftruncate(int, std::uint64_t);
template Result<> Process<Threads>::unlinkat(int, const char*, int);
template Result<> Process<Threads>::mkdirat(int, const char*, mode_t);
template Result<> Process<Threads>::mknodat(int, const char*, mode_t);
template Result<> Process<Threads>::renameat2(int, const char*, int, const char*, unsigned);
template Result<> Process<Threads>::fchmodat(int, const char*, mode_t);
template Count Process<Threads>::sendfile(int, int, std::uint64_t*, std::size_t);
template Result<int> Process<Threads>::inotify_init1(int);
template Result<int> Process<Threads>::inotify_add_watch(int, const char*, std::uint32_t);
template Result<> Process<Threads>::inotify_rm_watch(int, int);

}  // namespace tocsin::vkern
