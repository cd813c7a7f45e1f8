// SPDX-License-Identifier: MIT
#include "tocsin/file/file.hpp"

#include <algorithm>

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

// These are functions of the open file, not of the File: the coroutines must not lean on `this`.

Task<Result<>> write_all(std::shared_ptr<OpenFile> file, std::uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    if (!is_offset(offset)) co_return std::unexpected(Errno::invalid);
    auto call = std::make_unique<FileCall>(CallKind::write, file);
    call->offset = offset;
    call->source = bytes;
    call->length = bytes.size();
    call = co_await FileOperation(std::move(call));
    if (!call->result) co_return std::unexpected(call->result.error());
    // Only a write of nothing may answer 0 (write(2)); going on would be a loop without end.
    if (*call->result == 0) co_return std::unexpected(Errno{EIO});
    bytes = bytes.subspan(*call->result);
    offset += *call->result;
  }
  co_return {};
}

Task<Result<>> sync_all(std::shared_ptr<OpenFile> file) {
  auto call = std::make_unique<FileCall>(CallKind::sync, std::move(file));
  call = co_await FileOperation(std::move(call));
  if (!call->result) co_return std::unexpected(call->result.error());
  co_return {};
}

Task<Result<struct statx>> status_of(std::shared_ptr<OpenFile> file) {
  auto call = std::make_unique<FileCall>(CallKind::status, std::move(file));
  call = co_await FileOperation(std::move(call));
  if (!call->result) co_return std::unexpected(call->result.error());
  co_return call->status;
}

Task<Result<std::uint64_t>> size_of(std::shared_ptr<OpenFile> file) {
  const auto status = co_await status_of(std::move(file));
  if (!status) co_return std::unexpected(status.error());
  co_return status->stx_size;
}

}  // namespace

// ---- ReadAt -------------------------------------------------------------------------------------

bool ReadAt::await_ready() {
  if (!is_offset(offset_)) {
    read_now_ = std::unexpected(Errno::invalid);
    return true;
  }
  if (file_->may_try() && try_now()) return true;
  auto call = std::make_unique<FileCall>(CallKind::read, file_);
  call->offset = offset_;
  call->length = most_;
  set_call(std::move(call));
  waited_ = true;
  return false;
}

// Reads what is in the page cache. False if that is nothing, or cannot be asked for.
bool ReadAt::try_now() {
  Loop& loop = file_->engine->loop();
  const MutableBytes room = loop.buffers().next();
  const iovec into{.iov_base = room.data(), .iov_len = std::min(most_, room.size())};
  const auto count =
      loop.kernel().preadv2(file_->fd.get(), std::span(&into, 1), offset_, RWF_NOWAIT);
  if (count) {
    file_->spend(*count);
    read_now_ = loop.buffers().take(*count);
    return true;
  }
  if (count.error() == Errno::unsupported) file_->knows_nowait = false;
  if (count.error() == Errno::unsupported || count.error() == Errno::again ||
      count.error() == Errno::interrupted)
    return false;
  read_now_ = std::unexpected(count.error());
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
  co_return File(std::make_shared<OpenFile>(*engine, std::move(call->opened)));
}

Task<Result<File>> File::open(FileEngine& engine, std::string path, int flags, mode_t mode) {
  return open_from(&engine, nullptr, std::move(path), flags, mode);
}

Task<Result<File>> File::open_at(std::string path, int flags, mode_t mode) const {
  return open_from(nullptr, file_, std::move(path), flags, mode);
}

Task<Result<>> File::write_at(std::uint64_t offset, ByteView bytes) const {
  return write_all(file_, offset, bytes);
}

Task<Result<>> File::sync() const { return sync_all(file_); }

Task<Result<struct statx>> File::status() const { return status_of(file_); }

Task<Result<std::uint64_t>> File::size() const { return size_of(file_); }

}  // namespace tocsin
