// SPDX-License-Identifier: MIT
//
// Session: a PGconn that is connected, on a Loop.
//
//     Execute, RowStream ──> queue ──> [ Session ] ──> PQsendQueryParams, PQflush
//     Loop ──> on_ready ──> PQconsumeInput, PQgetResult, PQnotifies ──> who waits for them
//
// The socket is watched level-triggered, since libpq does not read until EAGAIN, for what is waited
// for now: for reading while a statement is under way or somebody listens, for writing besides
// while libpq has not sent all. It stays watched for reading between two statements, so that the
// next one costs no epoll_ctl(2); if something comes that nobody waits for, it is watched no more.
// libpq closes the socket by itself when the connection is lost, in a call that reads: after each
// of those it is asked, and nothing of the user's has run in between.
//
// No code of the user's runs inside any function here: who is answered is put into the loop's
// queue.
//
// A statement that nobody wants any more leaves `current_`, and its results are thrown away. The
// request to cancel it may reach the server before the statement does, and is without effect then;
// so it is repeated until the server has ended it. The next one is sent when no request is under
// way, or it would be hit.
//
// Ownership: it owns the PGconn and the registration; queries are their makers'. Thread rule: the
// loop's thread.
#pragma once

#include <deque>
#include <optional>

#include "tocsin/adapters/pq/connection.hpp"
#include "tocsin/adapters/pq/internal/cancel_request.hpp"
#include "tocsin/adapters/pq/internal/handles.hpp"
#include "tocsin/source/foreign_fds.hpp"

namespace tocsin::pq::internal {

class Session final : private ForeignFds, private CancelRequester {
 public:
  /// Requires: `connection` is established.
  Session(Loop& loop, Handle<PGconn> connection, const std::source_location& where);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  bool is_open() const { return open_; }
  PGconn* native() const { return connection_.get(); }

  void ask(Query& query);
  void give_up(Query& query);
  /// Goes on as far as that is possible without waiting.
  void go_on();

  // ---- for NextNotification -------------------------------------------------------------------
  bool has_notification() const { return !notifications_.empty(); }
  Outcome<Notification> take_notification();
  Error not_connected() const;
  void listen(NextNotification& listener);
  void stop_listening() { listener_ = nullptr; }
  bool has_listener() const { return listener_ != nullptr; }

 private:
  void on_ready(int fd, Ready ready) override;
  void on_time() override;
  void on_cancel_request_ended() override { go_on(); }

  bool is_read() const;
  void send_next();
  std::optional<Error> send(const Query& query) const;
  void take_notifications();
  void take_results();
  void take(Handle<PGresult> result);
  bool discard_copied();
  void finish();
  void cancel();
  void watch_as_needed();
  void lose();
  static void end(Query& query, std::optional<Error> why);

  Handle<PGconn> connection_;
  const int fd_;                 // PQsocket forgets it when it closes it.
  Ready watched_ = Ready::none;  // What for.
  bool open_ = true;

  List<Query> queue_;
  bool busy_ = false;           // A statement is under way.
  Query* current_ = nullptr;    // That one; null if nobody wants it any more.
  std::optional<Error> error_;  // The first one of it.
  bool copying_ = false;        // It is a COPY that sends, of all things.

  CancelRequest cancel_request_;
  Duration patience_{};  // Until the next request, if the statement has not ended by then.

  std::deque<Notification> notifications_;
  NextNotification* listener_ = nullptr;
};

}  // namespace tocsin::pq::internal
