// SPDX-License-Identifier: MIT
#include "tocsin/adapters/pq/connection.hpp"

#include <array>
#include <charconv>

#include "tocsin/adapters/pq/internal/session.hpp"
#include "tocsin/source/watch.hpp"

namespace tocsin::pq {

Parameter::Parameter(double value) {
  std::array<char, 32> room;
  const auto end = std::to_chars(room.data(), room.data() + room.size(), value).ptr;
  text_.emplace(room.data(), end);
}

// ---- queries ------------------------------------------------------------------------------------

void Query::ask() { session_->ask(*this); }
void Query::go_on() { session_->go_on(); }
void Query::give_up() {
  if (session_ != nullptr) session_->give_up(*this);
}

void Execute::abandon() {
  give_up();
  result_ = std::unexpected(Error(Errno::cancelled));
}

void Execute::end(std::optional<Error> why) {
  if (why) result_ = std::unexpected(std::move(*why));
  resume_later();
}

// ---- notifications ------------------------------------------------------------------------------

// One that has been told that there is something remains the listener until it takes it: nobody
// else gets in between.
void NextNotification::stop_listening() {
  if (std::exchange(listens_, false) && session_ != nullptr) session_->stop_listening();
}

NextNotification::~NextNotification() { stop_listening(); }

bool NextNotification::await_ready() {
  CHECK(!session_->has_listener(), "one line at a time awaits the notifications of a connection");
  if (session_->has_notification()) return true;
  if (session_->is_open()) return false;
  last_ = std::unexpected(session_->not_connected());
  return true;
}

void NextNotification::start() {
  listens_ = true;
  session_->listen(*this);
}

void NextNotification::abandon() {
  stop_listening();
  session_ = nullptr;  // It takes none.
  last_ = std::unexpected(Error(Errno::cancelled));
}

Outcome<Notification> NextNotification::await_resume() {
  if (session_ == nullptr) return std::move(last_);
  stop_listening();
  if (session_->has_notification()) return session_->take_notification();
  return std::move(last_);
}

// ---- connections --------------------------------------------------------------------------------

// libpq may close the socket in any PQconnectPoll, and open another one by the same number (the
// next address, or without TLS): so it is watched between these calls, and never during one.
Task<Outcome<Connection>> Connection::connect(Loop& loop, std::string conninfo,
                                              std::source_location where) {
  internal::Handle<PGconn> connection(PQconnectStart(conninfo.c_str()));
  if (!connection) co_return std::unexpected(Error(Errno{ENOMEM}));
  // Else libpq prints what the server has to remark.
  PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);

  PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;
  if (PQstatus(connection.get()) == CONNECTION_BAD) wanted = PGRES_POLLING_FAILED;
  while (wanted != PGRES_POLLING_OK) {
    if (wanted == PGRES_POLLING_FAILED)
      co_return std::unexpected(
          Error(Errno{ENOTCONN}, internal::trimmed(PQerrorMessage(connection.get()))));
    const Ready interest = wanted == PGRES_POLLING_READING ? Ready::read : Ready::write;
    auto watch = Watch::create(loop, PQsocket(connection.get()), interest, {}, "pq", where);
    if (!watch) co_return std::unexpected(Error(watch.error()));
    const auto ready = co_await (*watch)->next();
    if (!ready) co_return std::unexpected(Error(ready.error()));
    watch->reset();
    wanted = PQconnectPoll(connection.get());
  }
  co_return Connection(std::make_unique<internal::Session>(loop, std::move(connection), where));
}

Connection::Connection(std::unique_ptr<internal::Session> session) : session_(std::move(session)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection::~Connection() = default;

bool Connection::is_open() const { return session_->is_open(); }
pg_conn* Connection::native() const { return session_->native(); }

}  // namespace tocsin::pq
