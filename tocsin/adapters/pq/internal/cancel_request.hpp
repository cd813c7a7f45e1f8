// SPDX-License-Identifier: MIT
//
// CancelRequest: asks a server to cancel what a session of its does.
//
//     ask ──> a thread: PQcancel ──> the server ──> SIGINT to the session's process
//                                └──> on_cancel_request_ended, on the loop
//
// PQcancel connects, sends, and waits until the server has hung up, all of it blocking; hence the
// thread, which exists as long as the request. When that has ended the server has seen to it: a
// statement that is sent afterwards cannot be hit by it.
//
// Thread rule: the loop's thread.
#pragma once

#include <array>
#include <memory>

#include "tocsin/adapters/pq/internal/handles.hpp"
#include "tocsin/source/thread_pool.hpp"

namespace tocsin::pq::internal {

/// Who hears of the end of a request; nothing says whether there was anything to cancel.
class CancelRequester {
 public:
  virtual void on_cancel_request_ended() = 0;

 protected:
  ~CancelRequester() = default;
};

class CancelRequest final : private PoolJob {
 public:
  CancelRequest(Loop& loop, CancelRequester& requester) : loop_(loop), requester_(requester) {}
  CancelRequest(const CancelRequest&) = delete;
  CancelRequest& operator=(const CancelRequest&) = delete;
  /// Waits for a request that is under way.
  ~CancelRequest();

  /// Does nothing if one is under way already, and if there is no thread or memory for it.
  void ask(PGconn* connection);
  bool is_under_way() const { return pool_ != nullptr; }

 private:
  void perform() noexcept override;
  void performed() override;

  Loop& loop_;
  CancelRequester& requester_;
  Handle<PGcancel> request_;
  std::unique_ptr<ThreadPool> pool_;  // Null if there is no request.
};

}  // namespace tocsin::pq::internal
