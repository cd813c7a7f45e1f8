// SPDX-License-Identifier: MIT
//
// Multi: transfers of libcurl on a loop, any number at once.
//
//     libcurl's sockets and time-out ──> Loop ──> [ Multi ] ──> co_await multi.perform(easy)
//
// The easy handle is the caller's, made by curl_easy_init(3) and set as he likes; what
// curl_easy_perform(3) does for it in a thread, `perform` does on the loop. Those of one Multi
// share its connections, its cache of names and of TLS sessions.
//
// The callbacks that the caller sets (CURLOPT_WRITEFUNCTION, ...) run in the loop's turns, inside
// libcurl. They may start transfers, and cancel any, their own included: what libcurl does not
// allow in there (libcurl-multi(3)) is done once it has returned. They may not destroy a coroutine
// that performs, nor the Multi: that is a CHECK.
//
// Two traps of libcurl's. It looks names up in a thread, by getaddrinfo(3), and waits for that
// thread when a transfer is given up meanwhile, and the loop with it: set CURLOPT_QUICK_EXIT (`get`
// does), or look names up by a Resolver (adapters/cares) and set CURLOPT_RESOLVE. And a
// TLS library may raise SIGPIPE, which libcurl ignores as long as it runs, for the whole process:
// who has several threads blocks it (`run` does) and sets CURLOPT_NOSIGNAL.
//
// Ownership: it owns libcurl's multi handle, and the connections; not the easy handles. Transfers
// that wait when it ends give ECANCELED. The loop must outlive it. Thread rule: the loop's thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "tocsin/adapters/curl/error.hpp"
#include "tocsin/loop/loop.hpp"
#include "tocsin/task/operation.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin::curl {

namespace internal {
class MultiHandle;
}  // namespace internal

/// See Multi::perform.
class [[nodiscard]] Transfer final : public Operation {
 public:
  Transfer(internal::MultiHandle& multi, void* easy) : multi_(&multi), easy_(easy) {}
  Transfer(Transfer&&) = default;
  ~Transfer();

  bool await_ready() const { return false; }
  Outcome<> await_resume() { return std::move(result_); }

 private:
  friend class internal::MultiHandle;

  void start() override;
  void abandon() override;

  internal::MultiHandle* multi_;
  void* easy_;
  Outcome<> result_;
  bool leaving_ = false;  // Given up inside libcurl, which has the easy handle until it returns.
};

/// What a server answered.
struct Response {
  long status = 0;  // Of HTTP: 200, 404, ...
  std::string body;
};

class Multi {
 public:
  /// Fails with ENOMEM.
  static Result<Multi> create(Loop& loop);

  Multi(Multi&&) noexcept;
  Multi& operator=(Multi&&) = delete;
  ~Multi();

  /// Performs the transfer of `easy`, a CURL*, which must last until then; afterwards it is as
  /// after curl_easy_perform(3): ask it (curl_easy_getinfo(3)), set it anew, perform it again.
  /// Fails as that does, with the CURLcode; an answer that is an error of HTTP (404) is a success,
  /// unless CURLOPT_FAILONERROR is set. More than `message` says is in the CURLOPT_ERRORBUFFER.
  /// With ECANCELED once it is cancelled: its connection is closed then, what came has gone to its
  /// callbacks. Requires: nobody else performs it now.
  Transfer perform(void* easy) { return {*handle_, easy}; }

  /// Gets what is at an http or https `url`, redirects followed, ten at most. It is kept in memory:
  /// what is longer than `longest` bytes fails with EFBIG.
  Task<Outcome<Response>> get(std::string url, std::size_t longest = 64 << 20);

  /// Libcurl's CURLM*, for curl_multi_setopt(3): how many connections, to whom, for how long. Its
  /// socket and timer functions are taken, and its messages are read.
  void* native();

 private:
  explicit Multi(std::unique_ptr<internal::MultiHandle> handle);

  std::unique_ptr<internal::MultiHandle> handle_;
};

}  // namespace tocsin::curl
