// SPDX-License-Identifier: MIT
#include "tocsin/file/internal/aio_engine.hpp"

#include <sys/eventfd.h>

#include <array>
#include <optional>

#include "tocsin/base/check.hpp"
#include "tocsin/file/internal/call.hpp"

namespace tocsin::internal {
namespace {

std::uint64_t as_number(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

// What the kernel is to be asked for; nothing if that is not for AIO. From io_submit(2): of a
// vector, aio_buf is the array and aio_nbytes its length; fsync has none of them.
std::optional<iocb> request_of(const FileCall& call) {
  iocb request{};
  request.aio_data = as_number(&call);
  request.aio_fildes = static_cast<std::uint32_t>(call.fd());
  if (call.kind == CallKind::sync) {
    request.aio_lio_opcode = IOCB_CMD_FSYNC;
    return request;
  }
  if (call.file == nullptr || !call.file->is_direct) return std::nullopt;
  request.aio_offset = static_cast<std::int64_t>(call.offset);
  if (call.kind == CallKind::read || call.kind == CallKind::write) {
    request.aio_lio_opcode = call.reads() ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE;
    request.aio_buf = as_number(call.room().data());
    request.aio_nbytes = call.room().size();
    return request;
  }
  if (call.kind == CallKind::readv || call.kind == CallKind::writev) {
    request.aio_lio_opcode = call.reads() ? IOCB_CMD_PREADV : IOCB_CMD_PWRITEV;
    request.aio_buf = as_number(call.parts.data());
    request.aio_nbytes = call.parts.size();
    return request;
  }
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<FileEngine>> AioEngine::create(Loop& loop,
                                                      const FileEngineOptions& options) {
  auto pool = ThreadPool::create(loop, options.threads);
  if (!pool) return std::unexpected(pool.error());
  const auto context = loop.kernel().io_setup(options.most_in_flight);
  if (!context) return std::unexpected(context.error());
  std::unique_ptr<AioEngine> engine(new AioEngine(loop, options, std::move(*pool), *context));
  if (auto added = engine->add_eventfd(); !added) return std::unexpected(added.error());
  return engine;
}

Result<> AioEngine::add_eventfd() {
  Kernel& kernel = loop().kernel();
  auto made = own(kernel, kernel.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!made) return std::unexpected(made.error());
  eventfd_ = std::move(*made);
  const auto token =
      loop().add(eventfd_.get(), Ready::read, Mode{.trigger = Trigger::edge}, *this, "file engine");
  if (!token) return std::unexpected(token.error());
  token_ = *token;
  return {};
}

// The kernel may be writing into a buffer of ours until the last completion: it is waited for.
AioEngine::~AioEngine() {
  close();
  while (!calls_.empty()) harvest(1);
  const auto destroyed = loop().kernel().io_destroy(context_);
  CHECK(destroyed.has_value(), "io_destroy(2) fails only for what was never a context");
  if (loop().is_live(token_)) loop().remove(token_);
}

Result<> AioEngine::submit(FileCall& call) {
  if (submit_to_kernel(call)) return {};
  return ThreadPoolEngine::submit(call);
}

// One call at a time: to go past the page cache costs so much more than a system call that there is
// nothing to be gained by collecting them.
bool AioEngine::submit_to_kernel(FileCall& call) {
  auto request = request_of(call);
  if (!request) return false;
  request->aio_flags = IOCB_FLAG_RESFD;
  request->aio_resfd = static_cast<std::uint32_t>(eventfd_.get());
  const std::array requests{&*request};
  if (loop().kernel().io_submit(context_, requests) != Count(1)) return false;
  call.answers_due = 1;
  calls_.push_back(call);
  return true;
}

void AioEngine::cancel(FileCall& call) {
  if (call.answers_due == 0) ThreadPoolEngine::cancel(call);
}

void AioEngine::harvest(long least) {
  std::array<io_event, 64> batch;
  const timespec at_once{};
  while (true) {
    const auto count =
        loop().kernel().io_getevents(context_, least, batch, least == 0 ? &at_once : nullptr);
    if (!count) {
      CHECK(count.error() == Errno::interrupted,
            "io_getevents(2) fails only for what is no context");
      return;
    }
    for (const io_event& event : std::span(batch).first(*count)) {
      // NOLINTNEXTLINE(performance-no-int-to-ptr): it is how the kernel hands the address back.
      FileCall& call = *reinterpret_cast<FileCall*>(static_cast<std::uintptr_t>(event.data));
      call.answer = static_cast<std::int32_t>(event.res);
      call.unlink();
      ended(call);
    }
    if (*count < batch.size()) return;
    least = 0;
  }
}

}  // namespace tocsin::internal
