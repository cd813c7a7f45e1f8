// SPDX-License-Identifier: MIT
//
// AcceptOperation: a listening socket hands over the next connection, whatever happens.
//
//     FdSource (listening) ──> [ AcceptOperation ] ──> FdSource (connected) ──> Stream
//
// Two kinds of failure of accept(2) are none of the server's business and end nothing:
//   - The connection died before it was accepted, or its network did: the next one is taken at
//     once (accept(2), "Error handling").
//   - The process or the machine has run out of something (EMFILE, ENFILE, ENOBUFS, ENOMEM; ENOSPC
//     of epoll_ctl(2)). The connection stays in the backlog, readable: whoever retries at once
//     spins. The operation rests for `accept_pause`, or until a registration of this loop has ended
//     (a connection, as a rule, and its descriptor is free), and tries again.
// Out of descriptors, those who wait then are refused before it rests: a descriptor kept in reserve
// is given up, they are accepted with it and closed, so that they know at once and can go
// elsewhere, and the reserve is taken again. All of it is counted (AcceptCounters).
//
// Ownership: as every IoOperation, it lies in the frame of the coroutine that awaits it; counters
// and reserve are the listener's. Thread rule: the loop's thread.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <source_location>

#include "tocsin/kern/fd.hpp"
#include "tocsin/net/address.hpp"
#include "tocsin/source/fd_source.hpp"

namespace tocsin {

/// How long accepting rests, at most, when there is no room for one more connection.
inline constexpr Duration accept_pause = std::chrono::milliseconds(100);

/// What a listener has seen so far. Each only grows.
struct AcceptCounters {
  std::uint64_t accepted = 0;
  std::uint64_t aborted = 0;  // Gone before they were accepted.
  std::uint64_t pauses = 0;   // Times that there was no room for one more.
  std::uint64_t refused = 0;  // Accepted and closed at once: there was no descriptor for them.
};

/// Connections that one thread has accepted for another (shared_listener.hpp).
class Inbox;

/// A socket that listens, or what stands for one in another thread.
struct Listening {
  /// Fails if there is no descriptor for the reserve: EMFILE, ENFILE.
  static Result<std::unique_ptr<Listening>> create(std::unique_ptr<FdSource> source);

  std::unique_ptr<FdSource> source;
  Fd reserve;  // Nothing while others have taken what was given up.
  AcceptCounters counters;

  // Of one that shares an address with other loops' (shared_listener.hpp):
  std::shared_ptr<std::atomic<std::uint64_t>> accepted{};  // For other threads to read.
  std::shared_ptr<Inbox> inbox{};  // Connections come from there, to `address`; ...
  Address address{};
  bool takes_turns = false;   // ... or from a file that others wait for: it goes behind them ...
  bool has_accepted = false;  // ... if it has accepted since it last did.
  std::source_location where{};
};

namespace internal {

/// What accepting has to do with no kind of stream in particular.
class AnyAccept : public IoOperation<Direction::read> {
 protected:
  explicit AnyAccept(Listening& listening)
      : IoOperation(*listening.source), listening_(listening) {}
  AnyAccept(AnyAccept&& other) noexcept
      : IoOperation(std::move(other)), listening_(other.listening_) {}
  ~AnyAccept() = default;

  int error() const { return error_; }

 private:
  struct Rest final : Alarm {
    explicit Rest(AnyAccept& owner) : accept(&owner) {}
    void run() override { accept->end_rest(); }
    AnyAccept* accept;
  };
  struct Removal final : Work {
    explicit Removal(AnyAccept& owner) : accept(&owner) {}
    void run() override { accept->end_rest(); }
    AnyAccept* accept;
  };
  enum class Outcome : std::uint8_t { ended, wait, next };

  /// Makes what was accepted its result.
  virtual Result<> keep(Fd connection) = 0;

  bool attempt() override;
  void fail(Errno error) override;
  Result<Fd> next_connection();
  Outcome accept_one();
  Outcome judge(Errno error);
  Outcome wait();
  void refuse_all();
  void rest();
  void end_rest();

  Listening& listening_;
  int error_ = 0;
  Rest rest_{*this};        // Both are linked while it rests, ...
  Removal removal_{*this};  // ... or about to be run.
};

/// Registers what it accepts.
class SourceAccept : public AnyAccept {
 protected:
  using Registering = decltype(&FdSource::create);
  SourceAccept(Listening& listening, Registering registering, const char* name,
               std::source_location where)
      : AnyAccept(listening), registering_(registering), name_(name), where_(where) {}
  SourceAccept(SourceAccept&&) = default;
  ~SourceAccept() = default;

  Result<std::unique_ptr<FdSource>> take() {
    if (!accepted_) return std::unexpected(Errno{error()});
    return std::move(accepted_);
  }

 private:
  Result<> keep(Fd connection) override;

  Registering registering_;
  const char* name_;
  std::source_location where_;
  std::unique_ptr<FdSource> accepted_;
};

}  // namespace internal

/// As AcceptOperation, for a connection that is to be another loop's: it is not registered.
class [[nodiscard]] AcceptFdOperation final : public internal::AnyAccept {
 public:
  explicit AcceptFdOperation(Listening& listening) : AnyAccept(listening) {}
  AcceptFdOperation(AcceptFdOperation&&) = default;

  Result<Fd> await_resume() {
    if (!accepted_) return std::unexpected(Errno{error()});
    return std::move(accepted_);
  }

 private:
  Result<> keep(Fd connection) override {
    accepted_ = std::move(connection);
    return {};
  }

  Fd accepted_;
};

/// Awaiting it gives the next connection as an S, which is registered already. Fails with
/// ECANCELED, and with what shows that the listener is unusable (EBADF, EINVAL, ENOTSOCK): what
/// concerns one connection, or passes, never comes out of it. After ECANCELED no connection is
/// lost.
template <class S>
class [[nodiscard]] AcceptOperation final : public internal::SourceAccept {
 public:
  AcceptOperation(Listening& listening, std::source_location where)
      : SourceAccept(listening, S::registering, S::name, where) {}
  AcceptOperation(AcceptOperation&&) = default;

  Result<S> await_resume() {
    auto source = take();
    if (!source) return std::unexpected(source.error());
    return S(std::move(*source));
  }
};

}  // namespace tocsin
