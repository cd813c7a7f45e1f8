// SPDX-License-Identifier: MIT
#include "tocsin/file/engine.hpp"

#include <algorithm>
#include <utility>

#include "tocsin/base/check.hpp"
#include "tocsin/file/internal/aio_engine.hpp"
#include "tocsin/file/internal/call.hpp"
#include "tocsin/file/internal/io_uring_engine.hpp"
#include "tocsin/file/internal/thread_pool_engine.hpp"

namespace tocsin {

using internal::CallKind;
using internal::FileCall;
using internal::FileOperation;

Result<std::unique_ptr<FileEngine>> FileEngine::create(Loop& loop,
                                                       const FileEngineOptions& options) {
  CHECK(options.threads > 0, "an engine without threads could do nothing");
  CHECK(options.most_in_flight > 0 && options.most_in_flight <= 32768,
        "an engine has 1 to 32768 calls in flight: as many as a ring has entries");
  std::string why = "it was asked for";
  if (options.choice == EngineChoice::aio) {
    auto made = internal::AioEngine::create(loop, options);
    if (made) (*made)->why_ = std::move(why);
    return made;
  }
  if (options.choice != EngineChoice::threads) {
    auto made = internal::IoUringEngine::create(loop, options);
    if (made && options.choice == EngineChoice::automatic) (*made)->why_ = "io_uring is there";
    if (made && options.choice == EngineChoice::io_uring) (*made)->why_ = why;
    if (made || options.choice == EngineChoice::io_uring) return made;
    why = "io_uring: ";
    why.append(made.error().name()).append(", ").append(made.error().message());
  }
  auto made = internal::ThreadPoolEngine::create(loop, options);
  if (made) (*made)->why_ = std::move(why);
  return made;
}

FileEngine::FileEngine(Loop& loop, const FileEngineOptions& options)
    : loop_(loop), most_in_flight_(options.most_in_flight) {}

FileEngine::~FileEngine() {
  CHECK(in_flight_ == 0, "an engine ended before its calls");
  while (internal::OpenFile* const file = files_.pop_front()) file->engine = nullptr;
}

void FileEngine::close() {
  closed_ = true;
  while (FileOperation* const operation = waiting_.pop_front())
    operation->settle(std::move(operation->call_));
}

void FileEngine::start(FileOperation& operation) {
  waiting_.push_back(operation);
  begin_waiting();
}

// Not re-entered: a call that fails to begin has ended, and would begin the next one from there.
void FileEngine::begin_waiting() {
  if (std::exchange(beginning_, true)) return;
  while (!closed_ && in_flight_ < most_in_flight_) {
    FileOperation* const operation = waiting_.pop_front();
    if (operation == nullptr) break;
    begin(*operation);
  }
  beginning_ = false;
}

void FileEngine::begin(FileOperation& operation) {
  FileCall& call = *operation.call_.release();
  operation.in_flight_ = &call;
  call.operation = &operation;
  call.engine = this;
  if (call.reads() || call.writes()) call.take_buffers(loop_.buffers());
  ++in_flight_;
  if (auto submitted = submit(call); !submitted) {
    call.answer = -submitted.error().value();
    ended(call);
  }
}

void FileEngine::ended(FileCall& call) {
  std::unique_ptr<FileCall> owned(&call);
  --in_flight_;
  if (call.answer < 0) {
    call.result = std::unexpected(Errno{-call.answer});
  } else {
    call.result = static_cast<std::size_t>(call.answer);
    if (call.kind == CallKind::open) call.opened = Fd(loop_.kernel(), call.answer);
    if (call.kind == CallKind::read) call.buffer.fill(*call.result);
  }
  if (FileOperation* const operation = call.operation) operation->settle(std::move(owned));
  owned.reset();
  begin_waiting();
}

}  // namespace tocsin

namespace tocsin::internal {

// ---- OpenFile -----------------------------------------------------------------------------------

bool OpenFile::may_try() {
  if (engine == nullptr || !knows_nowait) return false;
  const Loop& loop = engine->loop();
  if (budget_turn != loop.turn_number()) {
    budget_turn = loop.turn_number();
    bytes_left = loop.options().turn_bytes;
  }
  return bytes_left > 0;
}

void OpenFile::spend(std::size_t bytes) {
  constexpr std::size_t least = 4096;  // A read of one byte costs as much as one of a page.
  bytes_left -= static_cast<std::int64_t>(std::max(bytes, least));
}

// ---- FileOperation ------------------------------------------------------------------------------

FileOperation::~FileOperation() {
  if (in_flight_ == nullptr) return;
  in_flight_->operation = nullptr;
  engine_->cancel(*in_flight_);
}

bool FileOperation::suspend(Waiter waiter) {
  if (call_->file != nullptr) engine_ = call_->file->engine;
  if (waiter.context->is_cancelled() || engine_ == nullptr) return false;
  enter(waiter);
  engine_->start(*this);
  return true;
}

void FileOperation::on_cancel() {
  if (in_flight_ != nullptr) return engine_->cancel(*in_flight_);
  unlink();  // It waits for a place; what it would have done has not begun.
  resume_later();
}

void FileOperation::settle(std::unique_ptr<FileCall> call) {
  in_flight_ = nullptr;
  call->operation = nullptr;
  call_ = std::move(call);
  resume_later();
}

}  // namespace tocsin::internal
