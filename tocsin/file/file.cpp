// SPDX-License-Identifier: MIT
#include "tocsin/file/file.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace tocsin {

using internal::CallKind;
using internal::FileCall;
using internal::FileOperation;
using internal::OpenFile;

namespace {

// off_t is signed. What is beyond would be negative: EINVAL, but for -1, which preadv2(2) and
// io_uring take for "at the current position".
bool is_offset(std::uint64_t offset) {
  return offset <= static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
}

// Reads what is in the page cache. Nothing if that is nothing, or cannot be asked for.
std::optional<Count> read_cached(OpenFile& file, std::span<const iovec> into,
                                 std::uint64_t offset) {
  if (!file.may_try()) return std::nullopt;
  Kernel& kernel = file.engine->loop().kernel();
  const auto count = kernel.preadv2(file.fd.get(), into, offset, RWF_NOWAIT);
  if (count) {
    file.spend(*count);
    return count;
  }
  if (count.error() == Errno::unsupported) file.knows_nowait = false;
  if (count.error() == Errno::unsupported || count.error() == Errno::again ||
      count.error() == Errno::interrupted)
    return std::nullopt;
  return count;
}

// These are functions of the open file, not of the File: the coroutines must not lean on `this`.

Task<Result<std::size_t>> read_into(std::shared_ptr<OpenFile> file, std::uint64_t offset,
                                    std::span<const MutableBytes> into) {
  if (!is_offset(offset)) co_return std::unexpected(Errno::invalid);
  std::vector<iovec> parts;
  std::size_t length = 0;
  for (const MutableBytes part : into) {
    parts.push_back({.iov_base = part.data(), .iov_len = part.size()});
    length += part.size();
  }
  if (const auto count = read_cached(*file, parts, offset)) co_return *count;

  auto call = std::make_unique<FileCall>(CallKind::readv, std::move(file));
  call->offset = offset;
  call->length = length;
  call = co_await FileOperation(std::move(call));
  if (!call->result) co_return std::unexpected(call->result.error());
  MutableBytes room;
  call->visit_bytes(*call->result, [&](ByteView bytes) {
    while (!bytes.empty()) {
      if (room.empty()) {
        room = into.front();
        into = into.subspan(1);
      }
      const std::size_t count = std::min(bytes.size(), room.size());
      std::ranges::copy(bytes.first(count), room.begin());
      bytes = bytes.subspan(count);
      room = room.subspan(count);
    }
  });
  co_return *call->result;
}

// In calls of one buffer (`write`), or of several (`writev`).
Task<Result<>> write_all(std::shared_ptr<OpenFile> file, std::uint64_t offset, CallKind kind,
                         std::span<const ByteView> parts) {
  std::size_t left = 0;
  for (const ByteView part : parts) left += part.size();
  std::size_t skip = 0;  // Of the first part.
  while (left > 0) {
    if (!is_offset(offset)) co_return std::unexpected(Errno::invalid);
    auto call = std::make_unique<FileCall>(kind, file);
    call->offset = offset;
    call->sources = parts;
    call->skip = skip;
    call->length = left;
    call = co_await FileOperation(std::move(call));
    if (!call->result) co_return std::unexpected(call->result.error());
    // Only a write of nothing may answer 0 (write(2)); going on would be a loop without end.
    if (*call->result == 0) co_return std::unexpected(Errno{EIO});
    left -= *call->result;
    offset += *call->result;
    skip += *call->result;
    while (!parts.empty() && skip >= parts.front().size()) {
      skip -= parts.front().size();
      parts = parts.subspan(1);
    }
  }
  co_return {};
}

Task<Result<>> write_one(std::shared_ptr<OpenFile> file, std::uint64_t offset, ByteView bytes) {
  const std::array parts{bytes};
  co_return co_await write_all(std::move(file), offset, CallKind::write, parts);
}

Task<Result<>> sync_all(std::shared_ptr<OpenFile> file) {
  auto call = std::make_unique<FileCall>(CallKind::sync, std::move(file));
  call = co_await FileOperation(std::move(call));
  if (!call->result) co_return std::unexpected(call->result.error());
  co_return {};
}

Task<Result<struct statx>> status_at(FileEngine* engine, std::shared_ptr<OpenFile> file,
                                     std::string path, int flags) {
  auto call = std::make_unique<FileCall>(CallKind::status, std::move(file));
  call->path = std::move(path);
  call->flags = flags;
  call = co_await FileOperation(std::move(call), engine);
  if (!call->result) co_return std::unexpected(call->result.error());
  co_return call->status;
}

Task<Result<std::uint64_t>> size_of(std::shared_ptr<OpenFile> file) {
  const auto status = co_await status_at(nullptr, std::move(file), "", AT_EMPTY_PATH);
  if (!status) co_return std::unexpected(status.error());
  co_return status->stx_size;
}

Task<Result<>> rename_paths(FileEngine* engine, std::string from, std::string to, unsigned flags) {
  auto call = std::make_unique<FileCall>(CallKind::rename);
  call->path = std::move(from);
  call->new_path = std::move(to);
  call->flags = static_cast<int>(flags);
  call = co_await FileOperation(std::move(call), engine);
  if (!call->result) co_return std::unexpected(call->result.error());
  co_return {};
}

}  // namespace

// ---- ReadAt -------------------------------------------------------------------------------------

bool ReadAt::await_ready() {
  if (!is_offset(offset_)) {
    read_now_ = std::unexpected(Errno::invalid);
    return true;
  }
  if (try_now()) return true;
  auto call = std::make_unique<FileCall>(CallKind::read, file_);
  call->offset = offset_;
  call->length = most_;
  set_call(std::move(call));
  waited_ = true;
  return false;
}

bool ReadAt::try_now() {
  if (file_->engine == nullptr) return false;
  BufferPool& buffers = file_->engine->loop().buffers();
  const MutableBytes room = buffers.next();
  const iovec into{.iov_base = room.data(), .iov_len = std::min(most_, room.size())};
  const auto count = read_cached(*file_, std::span(&into, 1), offset_);
  if (!count) return false;
  if (*count)
    read_now_ = buffers.take(**count);
  else
    read_now_ = std::unexpected(count->error());
  return true;
}

Result<Buffer> ReadAt::await_resume() {
  if (!waited_) return std::move(read_now_);
  const auto call = FileOperation::await_resume();
  if (!call->result) return std::unexpected(call->result.error());
  return std::move(call->buffer);
}

// ---- File ---------------------------------------------------------------------------------------

Task<Result<File>> File::open_from(FileEngine* engine, std::shared_ptr<OpenFile> directory,
                                   std::string path, int flags, mode_t mode) {
  auto call = std::make_unique<FileCall>(CallKind::open, directory);
  call->path = std::move(path);
  call->flags = flags | O_CLOEXEC;
  call->mode = mode;
  call = co_await FileOperation(std::move(call), engine);
  if (!call->result) co_return std::unexpected(call->result.error());
  if (directory != nullptr) engine = directory->engine;
  if (engine == nullptr) co_return std::unexpected(Errno::cancelled);
  co_return File(std::make_shared<OpenFile>(*engine, std::move(call->opened), flags));
}

Task<Result<File>> File::open(FileEngine& engine, std::string path, int flags, mode_t mode) {
  return open_from(&engine, nullptr, std::move(path), flags, mode);
}

Task<Result<File>> File::open_at(std::string path, int flags, mode_t mode) const {
  return open_from(nullptr, file_, std::move(path), flags, mode);
}

Task<Result<>> File::rename(FileEngine& engine, std::string from, std::string to, unsigned flags) {
  return rename_paths(&engine, std::move(from), std::move(to), flags);
}

Task<Result<struct statx>> File::status_of(FileEngine& engine, std::string path) {
  return status_at(&engine, nullptr, std::move(path), 0);
}

Task<Result<std::size_t>> File::read_at(std::uint64_t offset,
                                        std::span<const MutableBytes> into) const {
  return read_into(file_, offset, into);
}

Task<Result<>> File::write_at(std::uint64_t offset, ByteView bytes) const {
  return write_one(file_, offset, bytes);
}

Task<Result<>> File::write_at(std::uint64_t offset, std::span<const ByteView> parts) const {
  return write_all(file_, offset, CallKind::writev, parts);
}

Task<Result<>> File::sync() const { return sync_all(file_); }

Task<Result<struct statx>> File::status() const {
  return status_at(nullptr, file_, "", AT_EMPTY_PATH);
}

Task<Result<std::uint64_t>> File::size() const { return size_of(file_); }

}  // namespace tocsin
