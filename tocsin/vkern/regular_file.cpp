// SPDX-License-Identifier: MIT
#include "tocsin/vkern/regular_file.hpp"

#include <sys/inotify.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <mutex>
#include <vector>

#include "tocsin/vkern/internal/scatter.hpp"
#include "tocsin/vkern/message_queue.hpp"
#include "tocsin/vkern/pidfd.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected bad_descriptor{Errno{EBADF}};
constexpr std::unexpected invalid{Errno::invalid};
constexpr std::unexpected bad_address{Errno{EFAULT}};
constexpr std::unexpected no_offsets{Errno{ESPIPE}};
constexpr std::unexpected too_large{Errno{EFBIG}};

constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30;

// To most calls a descriptor from O_PATH is as good as closed (open(2)).
template <class P>
bool is_path(const Description<P>& description) {
  return (description.flags() & O_PATH) != 0;
}

// Offsets are signed in the kernel.
bool is_negative(std::uint64_t offset) { return static_cast<std::int64_t>(offset) < 0; }

}  // namespace

template <class P>
ByteView RegularFile<P>::look(MutableBytes into, std::uint64_t offset) const {
  const auto& bytes = this->node().bytes;
  if (offset >= bytes.size()) return {};
  const std::size_t count = std::min(into.size(), bytes.size() - offset);
  if (count > 0) std::memcpy(into.data(), bytes.data() + offset, count);
  return into.first(count);
}

template <class P>
std::size_t RegularFile<P>::copy(MutableBytes into, std::uint64_t offset) {
  const std::size_t count = look(into, offset).size();
  if (count == 0) return 0;
  this->node().accessed = this->files().now();
  this->files().tell(this->node(), IN_ACCESS, true);
  return count;
}

template <class P>
ByteView RegularFile<P>::peek(MutableBytes into, std::uint64_t offset) const {
  const std::lock_guard lock(this->lock());
  return look(into, offset);
}

template <class P>
std::size_t RegularFile<P>::size() const {
  const std::lock_guard lock(this->lock());
  return this->node().bytes.size();
}

// Answers the offset behind what was written.
template <class P>
Result<std::uint64_t> RegularFile<P>::store(Description<P>& description, ByteView bytes,
                                            std::uint64_t offset) {
  auto& node = this->node();
  if ((description.flags() & O_APPEND) != 0) offset = node.bytes.size();
  if (bytes.empty()) return offset;
  if (offset > most_bytes || bytes.size() > most_bytes - offset) return too_large;
  const std::uint64_t end = offset + bytes.size();
  if (end > node.bytes.size()) node.bytes.resize(end);
  std::memcpy(node.bytes.data() + offset, bytes.data(), bytes.size());
  node.modified = node.changed = this->files().now();
  this->files().tell(node, IN_MODIFY, true);
  return end;
}

template <class P>
Count RegularFile<P>::read(Process<P>&, Description<P>&, MutableBytes into) {
  if (into.data() == nullptr && !into.empty()) return bad_address;
  const std::lock_guard lock(this->lock());
  const std::size_t count = copy(into, position_);
  position_ += count;
  return count;
}

template <class P>
Count RegularFile<P>::write(Process<P>&, Description<P>& description, ByteView bytes) {
  if (bytes.data() == nullptr && !bytes.empty()) return bad_address;
  const std::lock_guard lock(this->lock());
  const auto end = store(description, bytes, position_);
  if (!end) return std::unexpected(end.error());
  if (!bytes.empty()) position_ = *end;
  return bytes.size();
}

template <class P>
Count RegularFile<P>::read_at(MutableBytes into, std::uint64_t offset) {
  if (into.data() == nullptr && !into.empty()) return bad_address;
  const std::lock_guard lock(this->lock());
  return copy(into, offset);
}

template <class P>
Count RegularFile<P>::write_at(Description<P>& description, ByteView bytes, std::uint64_t offset) {
  if (bytes.data() == nullptr && !bytes.empty()) return bad_address;
  const std::lock_guard lock(this->lock());
  if (const auto end = store(description, bytes, offset); !end) return std::unexpected(end.error());
  return bytes.size();
}

template <class P>
Result<int> RegularFile<P>::ioctl(Process<P>&, Description<P>&, unsigned long request,
                                  void* argument) {
  if (request != FIONREAD) return std::unexpected(Errno{ENOTTY});
  if (argument == nullptr) return bad_address;
  const std::lock_guard lock(this->lock());
  const std::size_t size = this->node().bytes.size();
  const auto left = static_cast<int>(static_cast<std::int64_t>(size - position_));
  std::memcpy(argument, &left, sizeof left);
  return 0;
}

template <class P>
Result<> RegularFile<P>::resize(std::uint64_t length) {
  if (length > most_bytes) return too_large;
  const std::lock_guard lock(this->lock());
  auto& node = this->node();
  node.bytes.resize(length);
  node.modified = node.changed = this->files().now();
  this->files().tell(node, IN_MODIFY, false);
  return {};
}

template class RegularFile<Single>;
template class RegularFile<Threads>;

// ---- at an offset: pread(2), pwrite(2), preadv2(2) ----------------------------------------------

template <class P>
Count Process<P>::pread(int fd, MutableBytes into, std::uint64_t offset) {
  if (is_negative(offset)) return invalid;
  const Open<P> open = descriptors_.get(fd);
  if (!open || is_path(*open)) return bad_descriptor;
  if (!open->object().has_places()) return no_offsets;
  if (!open->may_read()) return bad_descriptor;
  return open->object().read_at(into, offset);
}

template <class P>
Count Process<P>::pwrite(int fd, ByteView bytes, std::uint64_t offset) {
  if (is_negative(offset)) return invalid;
  const Open<P> open = descriptors_.get(fd);
  if (!open || is_path(*open)) return bad_descriptor;
  if (!open->object().has_places()) return no_offsets;
  if (!open->may_write()) return bad_descriptor;
  return open->object().write_at(*open, bytes, offset);
}

// Memory never makes anybody wait, so RWF_NOWAIT changes nothing. Reading into several pieces is
// told even where there was nothing to read, as Linux has it.
template <class P>
Count Process<P>::preadv2(int fd, std::span<const iovec> into, std::uint64_t offset, int flags) {
  constexpr std::uint64_t at_position = ~std::uint64_t{0};
  if ((flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT)) != 0)
    return std::unexpected(Errno::unsupported);
  std::vector<std::byte> whole(internal::length_of(into));
  const Open<P> open = descriptors_.get(fd);
  FileObject<P>* const file = open ? open->object().as_file() : nullptr;
  const bool reads_nothing =
      whole.empty() && file != nullptr && file->node().is_directory() && !is_path(*open);
  Count count = 0;  // Even of a directory.
  if (!reads_nothing) count = offset == at_position ? read(fd, whole) : pread(fd, whole, offset);
  if (!count) return count;
  internal::scatter({whole.data(), *count}, into);
  if (*count == 0 && file != nullptr) file->was_read();
  return count;
}

// ---- fsync(2), ftruncate(2), sendfile(2) --------------------------------------------------------

template <class P>
Result<> Process<P>::fsync(int fd) {
  const Open<P> open = descriptors_.get(fd);
  if (!open || is_path(*open)) return bad_descriptor;
  FileObject<P>* const file = open->object().as_file();
  if (file == nullptr || file->node().is_fifo()) return invalid;
  return {};
}

template <class P>
Result<> Process<P>::ftruncate(int fd, std::uint64_t length) {
  if (is_negative(length)) return invalid;
  const Open<P> open = descriptors_.get(fd);
  if (!open || is_path(*open)) return bad_descriptor;
  if (!open->may_write()) return invalid;
  // To Linux it is a regular file, of a file system that lets nothing be changed.
  if (dynamic_cast<PidFd<P>*>(&open->object()) != nullptr)
    return std::unexpected(Errno::unsupported);
  // And a message queue is one of a file system that does not mind.
  if (dynamic_cast<MessageQueue<P>*>(&open->object()) != nullptr) return {};
  auto* const file = dynamic_cast<RegularFile<P>*>(&open->object());
  if (file == nullptr) return invalid;
  return file->resize(length);
}

// Piece by piece, until `to` takes one only in part: what a socket has no room for is not read. A
// file takes all of it at once, and hears of it after the one that was read.
template <class P>
Count Process<P>::sendfile(int to, int from, std::uint64_t* offset, std::size_t count) {
  constexpr std::size_t most_in_piece = std::size_t{64} * 1024;
  const Open<P> source = descriptors_.get(from);
  if (!source || !source->may_read() || is_path(*source)) return bad_descriptor;
  FileObject<P>* const any = source->object().as_file();
  if (any == nullptr || any->node().is_fifo()) return no_offsets;
  const Open<P> target = descriptors_.get(to);
  if (!target || !target->may_write() || is_path(*target)) return bad_descriptor;
  if (is_negative(*offset) || (target->flags() & O_APPEND) != 0) return invalid;
  if (count == 0) return 0;  // Even from a directory.
  auto* const file = dynamic_cast<RegularFile<P>*>(any);
  if (file == nullptr) return invalid;
  const bool is_file_too = target->object().as_file() != nullptr;
  std::vector<std::byte> room(std::min(count, is_file_too ? file->size() : most_in_piece));
  std::size_t sent = 0;
  while (sent < count) {
    const auto found =
        file->peek(std::span(room).first(std::min(room.size(), count - sent)), *offset);
    if (found.empty()) break;
    if (is_file_too) file->was_read();
    const Count written = target->object().write(*this, *target, found);
    if (!written && sent == 0) return written;
    if (!written) break;
    sent += *written;
    *offset += *written;
    if (*written < found.size()) break;
  }
  if (sent > 0 && !is_file_too) file->was_read();
  return sent;
}

template Count Process<Single>::pread(int, MutableBytes, std::uint64_t);
template Count Process<Single>::pwrite(int, ByteView, std::uint64_t);
template Count Process<Single>::preadv2(int, std::span<const iovec>, std::uint64_t, int);
template Result<> Process<Single>::fsync(int);
template Result<> Process<Single>::ftruncate(int, std::uint64_t);
template Count Process<Single>::sendfile(int, int, std::uint64_t*, std::size_t);
template Count Process<Threads>::pread(int, MutableBytes, std::uint64_t);
template Count Process<Threads>::pwrite(int, ByteView, std::uint64_t);
template Count Process<Threads>::preadv2(int, std::span<const iovec>, std::uint64_t, int);
template Result<> Process<Threads>::fsync(int);
template Result<> Process<Threads>::ftruncate(int, std::uint64_t);
template Count Process<Threads>::sendfile(int, int, std::uint64_t*, std::size_t);

}  // namespace tocsin::vkern
