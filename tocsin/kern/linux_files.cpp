// SPDX-License-Identifier: MIT
//
// Of LinuxKernel: regular files, their names, and bytes that go past user space.
#include <dirent.h>
#include <sys/sendfile.h>
// Of LinuxKernel: regular files and their names.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tocsin/kern/internal/linux_answer.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin {

using internal::as_int;
using internal::count_or_errno;
using internal::fd_or_errno;
using internal::nothing_or_errno;

Result<int> LinuxKernel::openat(int directory, const char* path, int flags, mode_t mode) {
  return fd_or_errno(::openat(directory, path, flags, mode));
}

Result<int> LinuxKernel::openat2(int directory, const char* path, const open_how& how) {
  return fd_or_errno(::syscall(SYS_openat2, directory, path, &how, sizeof how));
}

Result<> LinuxKernel::statx(int directory, const char* path, int flags, unsigned mask,
                            struct statx& into) {
  return nothing_or_errno(::statx(directory, path, flags, mask, &into));
}

Result<> LinuxKernel::lseek(int fd, std::int64_t offset, int whence) {
  return nothing_or_errno(::lseek(fd, offset, whence));
}

Count LinuxKernel::pread(int fd, MutableBytes into, std::uint64_t offset) {
  return count_or_errno(::pread(fd, into.data(), into.size(), static_cast<off_t>(offset)));
}

Count LinuxKernel::pwrite(int fd, ByteView bytes, std::uint64_t offset) {
  return count_or_errno(::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)));
}

Count LinuxKernel::preadv2(int fd, std::span<const iovec> into, std::uint64_t offset, int flags) {
  return count_or_errno(
      ::preadv2(fd, into.data(), as_int(into.size()), static_cast<off_t>(offset), flags));
}

Count LinuxKernel::pwritev2(int fd, std::span<const iovec> from, std::uint64_t offset, int flags) {
  return count_or_errno(
      ::pwritev2(fd, from.data(), as_int(from.size()), static_cast<off_t>(offset), flags));
}

Result<> LinuxKernel::fsync(int fd) { return nothing_or_errno(::fsync(fd)); }

Result<> LinuxKernel::ftruncate(int fd, std::uint64_t length) {
  return nothing_or_errno(::ftruncate(fd, static_cast<off_t>(length)));
}

Result<> LinuxKernel::unlinkat(int directory, const char* path, int flags) {
  return nothing_or_errno(::unlinkat(directory, path, flags));
}

Result<> LinuxKernel::mkdirat(int directory, const char* path, mode_t mode) {
  return nothing_or_errno(::mkdirat(directory, path, mode));
}

Result<> LinuxKernel::mknodat(int directory, const char* path, mode_t mode) {
  return nothing_or_errno(::mknodat(directory, path, mode, 0));
}

Result<> LinuxKernel::renameat2(int from, const char* from_path, int to, const char* to_path,
                                unsigned flags) {
  return nothing_or_errno(::renameat2(from, from_path, to, to_path, flags));
}

Result<> LinuxKernel::fchmodat(int directory, const char* path, mode_t mode) {
  return nothing_or_errno(::fchmodat(directory, path, mode, 0));
}

Result<> LinuxKernel::symlinkat(const char* target, int directory, const char* path) {
  return nothing_or_errno(::symlinkat(target, directory, path));
}

Result<> LinuxKernel::utimensat(int directory, const char* path, const timespec* times, int flags) {
  return nothing_or_errno(::utimensat(directory, path, times, flags));
}

Count LinuxKernel::getdents64(int fd, MutableBytes into) {
  return count_or_errno(::getdents64(fd, into.data(), into.size()));
}

Result<> LinuxKernel::fstatfs(int fd, struct statfs& into) {
  return nothing_or_errno(::fstatfs(fd, &into));
}

Result<> LinuxKernel::name_to_handle_at(int directory, const char* path, file_handle& handle,
                                        int* mount, int flags) {
  return nothing_or_errno(::name_to_handle_at(directory, path, &handle, mount, flags));
}

}  // namespace tocsin
