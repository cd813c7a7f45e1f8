// SPDX-License-Identifier: MIT
//
// pq::Connection: a session with a PostgreSQL server, by libpq.
//
//     libpq's socket ──> Loop ──> [ Connection ] ──> co_await connection.execute("select $1", 7)
//                                               └──> co_await connection.next_notification()
//
// libpq speaks with the server; the loop tells it when it can go on. Nothing blocks but what libpq
// does about names: it looks hosts up with getaddrinfo(3), so give `hostaddr` where that matters
// (Resolver in adapters/cares finds it).
//
// One statement is under way at a time: further ones wait their turn, in order. While one is, or is
// not, one line may wait for notifications.
//
// A statement that is given up (its line is cancelled, times out or is destroyed) after it was sent
// is cancelled at the server, which is asked by a connection of its own; libpq's call for it blocks
// (PQcancel), so a thread makes it, that lives as long as the call. Nobody knows whether the
// statement took effect before. The connection is usable at once: what is executed next waits until
// the server has ended the one before. In a transaction the cancelled statement has failed, and the
// transaction with it, as the server says then ("25P02").
//
// A connection that was lost stays so: `is_open` is false, everything fails with ENOTCONN, and a
// new one has to be made; a session's state (transactions, LISTEN, settings) is gone in any case.
//
// Ownership: it owns the PGconn, its socket and its registration. Whoever waits when it ends gets
// ECANCELED; the server notices when it has ended the statement. (To have that cancelled, end the
// lines that wait first.) Its end waits for a request to cancel that is on its way: a round trip,
// and as long as connect(2) tries if the server cannot be reached any more (`tcp_user_timeout`
// limits that). The loop must outlive it. Thread rule: the loop's thread.
#pragma once

#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "tocsin/adapters/pq/error.hpp"
#include "tocsin/adapters/pq/query.hpp"
#include "tocsin/adapters/pq/row_stream.hpp"
#include "tocsin/adapters/pq/rows.hpp"
#include "tocsin/loop/loop.hpp"
#include "tocsin/task/operation.hpp"
#include "tocsin/task/task.hpp"

struct pg_conn;  // libpq's PGconn.

namespace tocsin::pq {

/// What a NOTIFY of some session said to a channel that this one LISTENs to.
struct Notification {
  std::string channel;
  std::string payload;
  int server_process = 0;  // Of the session that said it: PQbackendPID(3) there.
};

/// See Connection::execute.
class [[nodiscard]] Execute final : public Operation, private Query {
 public:
  Execute(internal::Session& session, std::string sql, std::vector<Parameter> parameters)
      : Query(session, std::move(sql), std::move(parameters)) {}
  Execute(Execute&&) = default;

  bool await_ready() const { return false; }
  Outcome<Rows> await_resume() { return std::move(result_); }

 private:
  void start() override { ask(); }
  void abandon() override;
  void give(Rows rows) override { result_ = std::move(rows); }
  void end(std::optional<Error> why) override;

  Outcome<Rows> result_;
};

/// See Connection::next_notification.
class [[nodiscard]] NextNotification final : public Operation {
 public:
  explicit NextNotification(internal::Session& session) : session_(&session) {}
  NextNotification(NextNotification&&) = default;
  ~NextNotification();

  bool await_ready();
  Outcome<Notification> await_resume();

 private:
  friend class internal::Session;
  void start() override;
  void abandon() override;
  void stop_listening();

  internal::Session* session_;  // Null if that has ended while this listened.
  bool listens_ = false;  // From `start` until it has the result: to the session, its listener.
  Outcome<Notification> last_ = std::unexpected(Error(Errno::cancelled));  // If there is none.
};

class Connection {
 public:
  /// Connects as `conninfo` says ("host=/run/postgresql dbname=shop", or postgresql://...; what it
  /// leaves open comes from the environment, as libpq's manual has it in 34.1.2 and 34.15). Hosts
  /// are tried one after the other; libpq's connect_timeout does not count, `timeout` does. Fails
  /// with ENOTCONN, and the message says why; with ECANCELED, and as Watch::create.
  static Task<Outcome<Connection>> connect(
      Loop& loop, std::string conninfo,
      std::source_location where = std::source_location::current());

  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) = delete;
  ~Connection();

  /// Runs one statement and gives its rows, all of them: `execute("insert into t values ($1, $2)",
  /// 7, "seven")`. Fails as Error says: EREMOTEIO if the server refused it, ENOTCONN, ECONNRESET,
  /// ECANCELED (see above), EOPNOTSUPP for a COPY, which is not made.
  template <class... Parameters>
  Execute execute(std::string sql, Parameters&&... parameters) {
    return {*session_, std::move(sql), list_of(std::forward<Parameters>(parameters)...)};
  }

  /// As `execute`, but row by row, with no more in memory than has just come: for results of any
  /// size. Nothing is asked before its first `next`.
  template <class... Parameters>
  RowStream stream(std::string sql, Parameters&&... parameters) {
    return {*session_, std::move(sql), list_of(std::forward<Parameters>(parameters)...)};
  }

  /// Waits for the next notification of a channel that was LISTENed to by `execute`, in the order
  /// of their coming; those that came earlier are kept. None is lost by ECANCELED. Fails with
  /// ECONNRESET if the connection is lost meanwhile, ENOTCONN if it was before: then some may have
  /// been missed, and what they told of wants looking at. One line at a time. While a RowStream is
  /// not read, none comes.
  NextNotification next_notification() { return NextNotification(*session_); }

  /// Whether it has not been lost, as far as is known: that shows when something is waited for.
  bool is_open() const;

  /// For libpq's own calls, but those that block, read, or send a query. Stays this object's.
  pg_conn* native() const;

 private:
  explicit Connection(std::unique_ptr<internal::Session> session);

  template <class... Parameters>
  static std::vector<Parameter> list_of(Parameters&&... parameters) {
    std::vector<Parameter> list;
    list.reserve(sizeof...(parameters));
    (list.emplace_back(std::forward<Parameters>(parameters)), ...);
    return list;
  }

  std::unique_ptr<internal::Session> session_;
};

}  // namespace tocsin::pq
