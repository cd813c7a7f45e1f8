// SPDX-License-Identifier: MIT
#include "tocsin/file/internal/call.hpp"

namespace tocsin::internal {
namespace {

// A count or a descriptor, or -errno: the same for all engines.
std::int32_t as_answer(Count count) { return static_cast<std::int32_t>(count.as_kernel()); }
std::int32_t as_answer(Result<int> fd) { return fd ? *fd : -fd.error().value(); }
std::int32_t as_answer(const Result<>& result) { return result ? 0 : -result.error().value(); }

std::int32_t make(Kernel& kernel, FileCall& call) {
  switch (call.kind) {
    case CallKind::open:
      return as_answer(kernel.openat(call.fd(), call.path.c_str(), call.flags, call.mode));
    case CallKind::read:
      return as_answer(kernel.pread(call.fd(), call.room(), call.offset));
    case CallKind::write:
      return as_answer(kernel.pwrite(call.fd(), call.room(), call.offset));
    case CallKind::sync:
      return as_answer(kernel.fsync(call.fd()));
    case CallKind::status:
      return as_answer(kernel.statx(call.fd(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, call.status));
  }
  return -EINVAL;
}

}  // namespace

void FileCall::perform() noexcept { answer = make(engine->loop().kernel(), *this); }

void FileCall::performed() { engine->ended(*this); }

}  // namespace tocsin::internal
