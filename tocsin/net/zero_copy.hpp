// SPDX-License-Identifier: MIT
//
// ZeroCopySender: sends from the caller's memory, without copying it, and tells when the kernel has
// done with it (MSG_ZEROCOPY; Documentation/networking/msg_zerocopy.rst of the kernel).
//
//     send() ──> MSG_ZEROCOPY ──> the peer acknowledges ──> error queue ──> [ next() ]
//
// Worth it from some ten kilobytes on: below, pinning pages and telling costs more than copying
// them. To this very machine the kernel copies anyhow, and says so.
//
// Ownership: the bytes stay the caller's, and unchanged, until `next` has told of their send: what
// is changed before is sent changed. The stream must outlive the sender, and has one at most.
// Thread rule: the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "tocsin/net/stream.hpp"
#include "tocsin/source/exception_operation.hpp"
#include "tocsin/source/fallible_operation.hpp"

namespace tocsin {

/// The kernel has done with the bytes of a send.
struct ZeroCopyDone {
  std::uint64_t send;  // Which: as `send` has given it.
  bool copied;         // It had to copy at least a part: by memory it was no gain.
};

namespace internal {

/// Which sends the kernel still reads from. It counts its calls by itself, from 0 on in 32 bits,
/// and tells of ranges of them; a send is several calls if it takes several.
class ZeroCopyLedger {
 public:
  /// A send begins; gives its number.
  std::uint64_t begin();
  /// One call of the send that began last went without copying, or it had to be copied.
  void sent_uncopied();
  void sent_copied() { sends_.back().copied = true; }
  /// The send that began last has no more calls.
  void finish() { sends_.back().finished = true; }
  /// The kernel is done with its calls `first` to `last`.
  void complete(std::uint32_t first, std::uint32_t last, bool copied);

  /// The first send that is done with and has not been told of.
  std::optional<ZeroCopyDone> take_done();
  bool has_done() const;
  std::size_t pending() const { return sends_.size(); }

 private:
  struct Send {
    std::uint64_t number;
    std::uint32_t first_call;
    std::uint32_t calls = 0;
    std::uint32_t open = 0;  // Of the calls: not done with.
    bool finished = false;
    bool copied = false;

    bool is_done() const { return finished && open == 0; }
  };

  std::deque<Send> sends_;  // By number.
  std::uint64_t next_send_ = 0;
  std::uint32_t next_call_ = 0;
};

}  // namespace internal

/// See ZeroCopySender::send.
class [[nodiscard]] ZeroCopySendOperation final : public FallibleOperation<Direction::write> {
 public:
  ZeroCopySendOperation(FdSource& source, internal::ZeroCopyLedger& ledger, ByteView bytes)
      : FallibleOperation(source), ledger_(&ledger), left_(bytes) {}
  ZeroCopySendOperation(ZeroCopySendOperation&&) = default;

  Result<std::uint64_t> await_resume() const {
    if (has_failed()) return failure();
    return *number_;
  }

 private:
  bool attempt() override;
  void fail(Errno error) override;
  Count send_some();
  void finish();

  internal::ZeroCopyLedger* ledger_;
  ByteView left_;
  std::optional<std::uint64_t> number_;  // Once it has begun.
};

/// See ZeroCopySender::next.
class [[nodiscard]] ZeroCopyDoneOperation final : public ExceptionOperation {
 public:
  ZeroCopyDoneOperation(FdSource& source, internal::ZeroCopyLedger& ledger)
      : ExceptionOperation(source, Direction::error), ledger_(&ledger) {}
  ZeroCopyDoneOperation(ZeroCopyDoneOperation&&) = default;

  Result<ZeroCopyDone> await_resume() const {
    if (error_ != 0) return std::unexpected(Errno{error_});
    return *done_;
  }

 private:
  bool attempt() override;
  void fail(Errno error) override { error_ = error.value(); }

  internal::ZeroCopyLedger* ledger_;
  int error_ = 0;
  std::optional<ZeroCopyDone> done_;
};

class ZeroCopySender {
 public:
  /// Fails as setsockopt(2) with SO_ZEROCOPY: EOPNOTSUPP or ENOTSUPP (524) for a kind of socket
  /// that cannot (UNIX, MPTCP), ENOPROTOOPT before Linux 4.14: use `Stream::write_all` then.
  static Result<ZeroCopySender> create(Stream& stream);

  /// Hands `bytes` over to the kernel, and gives the number by which `next` will tell that it has
  /// done with them: 0, 1, 2, ... Ends when the kernel has taken all, which is the back-pressure.
  /// What it cannot pin for want of memory (ENOBUFS: RLIMIT_MEMLOCK, optmem_max) is copied. Fails
  /// as Stream::write_all; the kernel may have taken a part then, and `next` tells of that, too.
  ZeroCopySendOperation send(ByteView bytes) { return {*source_, *ledger_, bytes}; }

  /// Waits until the kernel has done with a send. In the order of sends, but for a part that was
  /// lost on the way and sent again. Fails with ECANCELED, after which nothing has been lost.
  ZeroCopyDoneOperation next() { return {*source_, *ledger_}; }

  /// How many sends have not been told of.
  std::size_t pending() const { return ledger_->pending(); }

 private:
  explicit ZeroCopySender(FdSource& source)
      : source_(&source), ledger_(std::make_unique<internal::ZeroCopyLedger>()) {}

  FdSource* source_;
  std::unique_ptr<internal::ZeroCopyLedger> ledger_;
};

}  // namespace tocsin
