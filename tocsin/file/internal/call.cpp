// SPDX-License-Identifier: MIT
#include "tocsin/file/internal/call.hpp"

namespace tocsin::internal {
namespace {

// A count or a descriptor, or -errno: the same for all engines.
std::int32_t as_answer(Count count) { return static_cast<std::int32_t>(count.as_kernel()); }
std::int32_t as_answer(Result<int> fd) { return fd ? *fd : -fd.error().value(); }
std::int32_t as_answer(const Result<>& result) { return result ? 0 : -result.error().value(); }

unsigned as_unsigned(int flags) { return static_cast<unsigned>(flags); }

// Where the call is missing, its first part: a short write, which is continued.
Count write_parts(Kernel& kernel, const FileCall& call) {
  const auto written = kernel.pwritev2(call.fd(), call.parts, call.offset, 0);
  if (written || written.error() != Errno{ENOSYS}) return written;
  return kernel.pwrite(call.fd(), call.buffer.room().first(call.parts.front().iov_len),
                       call.offset);
}

std::int32_t make(Kernel& kernel, FileCall& call) {
  switch (call.kind) {
    case CallKind::open:
      return as_answer(kernel.openat(call.fd(), call.path.c_str(), call.flags, call.mode));
    case CallKind::read:
      return as_answer(kernel.pread(call.fd(), call.room(), call.offset));
    case CallKind::write:
      return as_answer(kernel.pwrite(call.fd(), call.room(), call.offset));
    case CallKind::readv:
      return as_answer(kernel.preadv2(call.fd(), call.parts, call.offset, 0));
    case CallKind::writev:
      return as_answer(write_parts(kernel, call));
    case CallKind::sync:
      return as_answer(kernel.fsync(call.fd()));
    case CallKind::status:
      return as_answer(
          kernel.statx(call.fd(), call.path.c_str(), call.flags, STATX_BASIC_STATS, call.status));
    case CallKind::rename:
      return as_answer(kernel.renameat2(call.fd(), call.path.c_str(), call.fd(),
                                        call.new_path.c_str(), as_unsigned(call.flags)));
  }
  return -EINVAL;
}

}  // namespace

void FileCall::take_buffers(BufferPool& pool) {
  const bool vectored = kind == CallKind::readv || kind == CallKind::writev;
  length = std::min(length, pool.buffer_size() * (vectored ? most_buffers : 1));
  buffer = pool.take();
  if (vectored) {
    while ((more.size() + 1) * pool.buffer_size() < length) more.push_back(pool.take());
    visit_bytes(length, [this](MutableBytes part) {
      parts.push_back({.iov_base = part.data(), .iov_len = part.size()});
    });
  }
  if (!writes()) return;
  ByteView source;
  visit_bytes(length, [&](MutableBytes part) {
    while (!part.empty()) {
      if (source.empty()) {
        source = sources.front().subspan(std::min(skip, sources.front().size()));
        skip -= sources.front().size() - source.size();
        sources = sources.subspan(1);
      }
      const std::size_t count = std::min(part.size(), source.size());
      std::ranges::copy(source.first(count), part.begin());
      source = source.subspan(count);
      part = part.subspan(count);
    }
  });
}

void FileCall::perform() noexcept { answer = make(engine->loop().kernel(), *this); }

void FileCall::performed() { engine->ended(*this); }

}  // namespace tocsin::internal
