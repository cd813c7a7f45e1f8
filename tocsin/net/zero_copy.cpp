// SPDX-License-Identifier: MIT
#include "tocsin/net/zero_copy.hpp"

#include <sys/socket.h>

#include <algorithm>

#include "tocsin/net/internal/error_queue.hpp"

namespace tocsin {

// ---- ZeroCopyLedger -----------------------------------------------------------------------------

namespace internal {

std::uint64_t ZeroCopyLedger::begin() {
  sends_.push_back({.number = next_send_, .first_call = next_call_});
  return next_send_++;
}

void ZeroCopyLedger::sent_uncopied() {
  ++next_call_;
  ++sends_.back().calls;
  ++sends_.back().open;
}

// Calls are compared by their distances, so that it does not matter where the kernel's 32 bits
// begin anew. Each is told of once.
void ZeroCopyLedger::complete(std::uint32_t first, std::uint32_t last, bool copied) {
  for (Send& send : sends_) {
    const std::uint32_t begin = send.first_call;
    for (std::uint32_t i = 0; i < send.calls; ++i) {
      if (begin + i - first > last - first) continue;
      if (send.open > 0) --send.open;
      send.copied |= copied;
    }
  }
}

bool ZeroCopyLedger::has_done() const { return std::ranges::any_of(sends_, &Send::is_done); }

std::optional<ZeroCopyDone> ZeroCopyLedger::take_done() {
  const auto done = std::ranges::find_if(sends_, &Send::is_done);
  if (done == sends_.end()) return std::nullopt;
  const ZeroCopyDone answer{.send = done->number, .copied = done->copied};
  sends_.erase(done);
  return answer;
}

}  // namespace internal

// ---- operations ---------------------------------------------------------------------------------

bool ZeroCopySendOperation::attempt() {
  FdSource& to = source();
  if (!number_) number_ = ledger_->begin();
  while (!left_.empty()) {
    if (!to.may_spend()) return false;
    const Count sent = send_some();
    if (!sent) return refused(sent.error());
    to.spend(*sent);
    left_ = left_.subspan(*sent);
  }
  finish();
  return true;
}

// Of one that was copied as a whole the kernel will tell nothing: whoever waits in `next` has to
// look once more.
void ZeroCopySendOperation::finish() {
  ledger_->finish();
  if (ledger_->has_done()) source().try_again(Direction::error);
}

// ENOBUFS, msg_zerocopy.rst, "Transmission": "the socket optmem limit is exceeded or the user
// exceeds their ulimit on locked pages". Whoever waited for completions instead might wait for
// those of another program.
Count ZeroCopySendOperation::send_some() {
  FdSource& to = source();
  const Count uncopied = to.kernel().send(to.fd(), left_, MSG_ZEROCOPY | MSG_NOSIGNAL);
  if (uncopied) {
    ledger_->sent_uncopied();
    return uncopied;
  }
  if (uncopied.error() != Errno{ENOBUFS}) return uncopied;
  const Count copied = to.kernel().send(to.fd(), left_, MSG_NOSIGNAL);
  if (copied) ledger_->sent_copied();
  return copied;
}

void ZeroCopySendOperation::fail(Errno error) {
  FallibleOperation::fail(error);
  if (number_) finish();
}

bool ZeroCopyDoneOperation::attempt() {
  FdSource& from = source();
  while (!(done_ = ledger_->take_done())) {
    if (!from.may_spend()) return false;
    const auto entry = internal::read_error_queue(from, {});
    if (!entry) {
      if (entry.error() == Errno::again) {
        from.blocked(Direction::error);
        return false;
      }
      fail(entry.error());
      return true;
    }
    from.spend(0);
    if (entry->what.ee_origin != SO_EE_ORIGIN_ZEROCOPY) continue;
    ledger_->complete(entry->what.ee_info, entry->what.ee_data,
                      (entry->what.ee_code & SO_EE_CODE_ZEROCOPY_COPIED) != 0);
  }
  return true;
}

// ---- ZeroCopySender -----------------------------------------------------------------------------

Result<ZeroCopySender> ZeroCopySender::create(Stream& stream) {
  const int on = 1;
  auto done =
      stream.source().kernel().setsockopt(stream.fd(), SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on);
  if (!done) return std::unexpected(done.error());
  return ZeroCopySender(stream.source());
}

}  // namespace tocsin
