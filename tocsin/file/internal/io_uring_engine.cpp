// SPDX-License-Identifier: MIT
#include "tocsin/file/internal/io_uring_engine.hpp"

#include <linux/io_uring.h>
#include <sys/eventfd.h>

#include <array>
#include <chrono>
#include <utility>

#include "tocsin/base/check.hpp"
#include "tocsin/file/internal/call.hpp"

namespace tocsin::internal {
namespace {

using namespace std::chrono_literals;

constexpr std::array operations{IORING_OP_OPENAT,   IORING_OP_READ,   IORING_OP_READV,
                                IORING_OP_WRITE,    IORING_OP_WRITEV, IORING_OP_FSYNC,
                                IORING_OP_RENAMEAT, IORING_OP_STATX,  IORING_OP_ASYNC_CANCEL};

// A call goes by its address, its cancellation by the odd number behind it.
constexpr std::uint64_t cancel_bit = 1;
static_assert(alignof(FileCall) > cancel_bit);

std::uint64_t number_of(FileCall& call) { return reinterpret_cast<std::uintptr_t>(&call); }
FileCall& call_of(std::uint64_t number) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): it is how the kernel hands the address back.
  return *reinterpret_cast<FileCall*>(static_cast<std::uintptr_t>(number & ~cancel_bit));
}

}  // namespace

Result<std::unique_ptr<FileEngine>> IoUringEngine::create(Loop& loop,
                                                          const FileEngineOptions& options) {
  Kernel& kernel = loop.kernel();
  auto ring = kernel.io_uring_setup(options.most_in_flight);
  if (!ring) return std::unexpected(ring.error());
  for (const auto operation : operations)
    if (!(*ring)->supports(operation)) return std::unexpected(Errno{ENOSYS});

  auto eventfd = own(kernel, kernel.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!eventfd) return std::unexpected(eventfd.error());
  if (auto done = (*ring)->register_eventfd(eventfd->get()); !done)
    return std::unexpected(done.error());

  std::unique_ptr<IoUringEngine> engine(
      new IoUringEngine(loop, options, std::move(*ring), std::move(*eventfd)));
  auto token = loop.add(engine->eventfd_.get(), Ready::read, Mode{.trigger = Trigger::edge},
                        *engine, "file engine");
  if (!token) return std::unexpected(token.error());
  engine->token_ = *token;
  return engine;
}

// The kernel may be writing into a buffer of ours until the last completion: it is waited for.
IoUringEngine::~IoUringEngine() {
  close();
  calls_.for_each([this](FileCall& call) { cancel(call); });
  while (in_flight() > 0) {
    const auto done = ring_->submit_and_wait(nullptr);
    const bool may_pass = done || done.error() == Errno::interrupted ||
                          done.error() == Errno::again || done.error() == Errno{EBUSY};
    CHECK(may_pass, "io_uring_enter(2) fails for good only for what was never a ring");
    harvest();
  }
  if (loop().is_live(token_)) loop().remove(token_);
}

Result<> IoUringEngine::submit(FileCall& call) {
  if (auto queued = queue(call); !queued) return queued;
  call.answers_due = 1;
  calls_.push_back(call);
  flush_later();
  return {};
}

Result<> IoUringEngine::queue(FileCall& call) {
  const std::uint64_t number = number_of(call);
  switch (call.kind) {
    case CallKind::open:
      return ring_->openat(call.fd(), call.path.c_str(), call.flags, call.mode, number);
    case CallKind::read:
      return ring_->read(call.fd(), call.room(), call.offset, number);
    case CallKind::write:
      return ring_->write(call.fd(), call.room(), call.offset, number);
    case CallKind::readv:
      return ring_->readv(call.fd(), call.parts, call.offset, number);
    case CallKind::writev:
      return ring_->writev(call.fd(), call.parts, call.offset, number);
    case CallKind::sync:
      return ring_->fsync(call.fd(), number);
    case CallKind::status:
      return ring_->statx(call.fd(), call.path.c_str(), call.flags, STATX_BASIC_STATS, call.status,
                          number);
    case CallKind::rename:
      return ring_->renameat2(call.fd(), call.path.c_str(), call.fd(), call.new_path.c_str(),
                              static_cast<unsigned>(call.flags), number);
  }
  return std::unexpected(Errno::invalid);
}

// If there is no room to say so, the call is not called off, and ends when it ends.
void IoUringEngine::cancel(FileCall& call) {
  if (call.cancel_sent) return;
  const std::uint64_t number = number_of(call);
  if (!ring_->cancel(number, number | cancel_bit)) return;
  call.cancel_sent = true;
  ++call.answers_due;
  flush_later();
}

void IoUringEngine::flush_later() {
  if (!flush_.is_linked()) loop().post(flush_);
}

// EAGAIN, EBUSY, ENOMEM: the kernel is short of something; what it did not take stays in the queue.
void IoUringEngine::flush() {
  if (!ring_->submit()) loop().arm(flush_, loop().now() + 1ms);
}

void IoUringEngine::harvest() {
  std::array<IoCompletion, 64> batch;
  while (const std::size_t count = ring_->harvest(batch))
    for (const IoCompletion& completion : std::span(batch).first(count)) {
      FileCall& call = call_of(completion.user_data);
      if ((completion.user_data & cancel_bit) == 0) call.answer = completion.result;
      if (--call.answers_due == 0) answered(call);
    }
}

void IoUringEngine::answered(FileCall& call) {
  // A call that had begun to wait inside the kernel is called off by a signal to its worker.
  if (call.cancel_sent && call.answer == -EINTR) call.answer = -ECANCELED;
  call.unlink();
  ended(call);
}

}  // namespace tocsin::internal
