// SPDX-License-Identifier: MIT
//
// Of LinuxKernel: bytes that go past user space.
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tocsin/kern/internal/linux_answer.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin {
namespace {

using internal::count_or_errno;

// These calls take a pointer to a signed offset, or none, and advance it if they succeed.
class Offset {
 public:
  explicit Offset(std::uint64_t* ours)
      : ours_(ours), kernels_(ours != nullptr ? static_cast<off_t>(*ours) : 0) {}
  off_t* pointer() { return ours_ != nullptr ? &kernels_ : nullptr; }
  void advance() const {
    if (ours_ != nullptr) *ours_ = static_cast<std::uint64_t>(kernels_);
  }

 private:
  std::uint64_t* ours_;
  off_t kernels_;
};

}  // namespace

Count LinuxKernel::sendfile(int to, int from, std::uint64_t* offset, std::size_t count) {
  Offset position(offset);
  const auto sent = count_or_errno(::sendfile(to, from, position.pointer(), count));
  if (sent) position.advance();
  return sent;
}

Count LinuxKernel::copy_file_range(int from, std::uint64_t* from_offset, int to,
                                   std::uint64_t* to_offset, std::size_t count) {
  Offset read(from_offset);
  Offset written(to_offset);
  const auto copied =
      count_or_errno(::copy_file_range(from, read.pointer(), to, written.pointer(), count, 0));
  if (copied) {
    read.advance();
    written.advance();
  }
  return copied;
}

Count LinuxKernel::splice(int from, std::uint64_t* from_offset, int to, std::uint64_t* to_offset,
                          std::size_t count, unsigned flags) {
  Offset read(from_offset);
  Offset written(to_offset);
  const auto moved =
      count_or_errno(::splice(from, read.pointer(), to, written.pointer(), count, flags));
  if (moved) {
    read.advance();
    written.advance();
  }
  return moved;
}

Count LinuxKernel::tee(int from, int to, std::size_t count, unsigned flags) {
  return count_or_errno(::tee(from, to, count, flags));
}

Count LinuxKernel::vmsplice(int fd, std::span<const iovec> pages, unsigned flags) {
  return count_or_errno(::vmsplice(fd, pages.data(), pages.size(), flags));
}

}  // namespace tocsin
