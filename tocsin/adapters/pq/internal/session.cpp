// SPDX-License-Identifier: MIT
#include "tocsin/adapters/pq/internal/session.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace tocsin::pq::internal {
namespace {

using namespace std::chrono_literals;

constexpr Duration first_patience = 100ms;
constexpr Duration longest_patience = 10s;

// PG_DIAG_SQLSTATE is missing where libpq itself has made the error.
Error error_of(const PGresult* result) {
  const char* const state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  return {Errno{EREMOTEIO}, trimmed(PQresultErrorMessage(result)), state == nullptr ? "" : state};
}

Error no_copy() { return {Errno::unsupported, "a COPY cannot be executed here"}; }

// What libpq takes are strings that end at a zero byte; cut short they would say something else.
bool has_zero_byte(const std::string& text) { return text.contains('\0'); }

}  // namespace

Session::Session(Loop& loop, Handle<PGconn> connection, const std::source_location& where)
    : ForeignFds(loop, "pq", where),
      connection_(std::move(connection)),
      fd_(PQsocket(native())),
      cancel_request_(loop, *this) {
  PQsetnonblocking(native(), 1);
}

Session::~Session() {
  unwatch(fd_);  // Before libpq closes it.
  const Error cancelled(Errno::cancelled);
  if (current_ != nullptr) end(*std::exchange(current_, nullptr), cancelled);
  while (Query* const query = queue_.pop_front()) end(*query, cancelled);
  if (listener_ == nullptr) return;
  // One that was told already that there is something gets it.
  listener_->session_ = nullptr;
  if (listener_->is_waiting())
    listener_->resume_later();
  else if (has_notification())
    listener_->last_ = take_notification();
}

// ---- statements ---------------------------------------------------------------------------------

void Session::end(Query& query, std::optional<Error> why) {
  query.session_ = nullptr;
  query.end(std::move(why));
}

void Session::ask(Query& query) {
  if (!open_) return end(query, not_connected());
  queue_.push_back(query);
  go_on();
}

void Session::give_up(Query& query) {
  query.session_ = nullptr;
  query.unlink();
  if (current_ != &query) return;
  current_ = nullptr;
  cancel();
  go_on();
}

void Session::cancel() {
  cancel_request_.ask(native());
  patience_ = std::clamp(patience_ * 2, first_patience, longest_patience);
  call_after(patience_);
}

void Session::on_time() { cancel(); }

void Session::go_on() {
  if (!open_) return;
  take_notifications();
  take_results();
  send_next();
  // It is lost if the server has hung up, or if libpq did not understand what it said.
  if (PQstatus(native()) == CONNECTION_BAD) return lose();
  watch_as_needed();
}

void Session::send_next() {
  while (!busy_ && !cancel_request_.is_under_way() && !queue_.empty()) {
    Query& query = *queue_.pop_front();
    if (auto error = send(query)) {
      end(query, std::move(error));
      continue;
    }
    current_ = &query;
    busy_ = true;
  }
}

std::optional<Error> Session::send(const Query& query) const {
  if (has_zero_byte(query.sql_)) return Error(Errno::invalid, "a zero byte in a statement");
  std::vector<const char*> values;
  values.reserve(query.parameters_.size());
  for (const Parameter& parameter : query.parameters_) {
    const auto& text = parameter.text();
    if (text && has_zero_byte(*text)) return Error(Errno::invalid, "a zero byte in a parameter");
    values.push_back(text ? text->c_str() : nullptr);
  }
  const int sent = PQsendQueryParams(native(), query.sql_.c_str(), static_cast<int>(values.size()),
                                     nullptr, values.data(), nullptr, nullptr, 0);
  if (sent == 0) return Error(Errno{ENOTCONN}, trimmed(PQerrorMessage(native())));
  if (query.is_row_by_row()) PQsetSingleRowMode(native());
  return std::nullopt;
}

void Session::take_results() {
  while (busy_ && (current_ == nullptr || current_->has_room())) {
    if (copying_ && !discard_copied()) return;
    if (PQisBusy(native()) != 0) return;
    Handle<PGresult> result(PQgetResult(native()));
    if (!result) return finish();
    take(std::move(result));
  }
}

void Session::take(Handle<PGresult> result) {
  switch (PQresultStatus(result.get())) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_SINGLE_TUPLE:
    case PGRES_EMPTY_QUERY:
      if (current_ != nullptr && !error_) current_->give(Rows(result.release()));
      return;
    case PGRES_COPY_IN:
      error_ = no_copy();
      PQputCopyEnd(native(), error_->message().c_str());
      return;
    case PGRES_COPY_OUT:
      error_ = no_copy();
      copying_ = true;
      return cancel();
    default:
      if (!error_) error_ = error_of(result.get());
  }
}

// False if there will be more.
bool Session::discard_copied() {
  char* row = nullptr;
  int size = 0;
  while ((size = PQgetCopyData(native(), &row, 1)) > 0) PQfreemem(row);
  copying_ = size == 0;
  return !copying_;
}

void Session::finish() {
  busy_ = copying_ = false;
  patience_ = {};
  call_never();
  Query* const query = std::exchange(current_, nullptr);
  auto error = std::exchange(error_, std::nullopt);
  if (query == nullptr) return;
  if (error && PQstatus(native()) == CONNECTION_BAD)
    error = Error(Errno{ECONNRESET}, error->message(), error->sqlstate());
  end(*query, std::move(error));
}

// ---- notifications ------------------------------------------------------------------------------

void Session::take_notifications() {
  while (const Handle<PGnotify> told{PQnotifies(native())})
    notifications_.push_back(
        {.channel = told->relname, .payload = told->extra, .server_process = told->be_pid});
  if (has_notification() && listener_ != nullptr && listener_->is_waiting())
    listener_->resume_later();
}

Outcome<Notification> Session::take_notification() {
  Notification first = std::move(notifications_.front());
  notifications_.pop_front();
  return first;
}

void Session::listen(NextNotification& listener) {
  listener_ = &listener;
  go_on();
}

// ---- the socket ---------------------------------------------------------------------------------

bool Session::is_read() const {
  if (busy_) return current_ == nullptr || current_->has_room();
  return listener_ != nullptr;
}

// PQconsumeInput sends what is left, too. When it fails, what the server said before is still a
// result. (Without memory it fails and nothing is closed.)
void Session::on_ready(int, Ready) {
  if (!is_read()) {
    unwatch(fd_);
    watched_ = Ready::none;
    return;
  }
  const bool failed = PQconsumeInput(native()) == 0;
  go_on();
  if (failed && open_) lose();
}

// While not all is sent what comes has to be read as well: the server may be unable to go on for
// answers that nobody takes (the manual of PQflush).
void Session::watch_as_needed() {
  Ready needed = is_read() ? Ready::read : Ready::none;
  if (busy_ && PQflush(native()) > 0) needed = Ready::read | Ready::write;
  if (PQstatus(native()) == CONNECTION_BAD) return lose();
  if (needed == Ready::none) needed = watched_ & Ready::read;
  if (needed == watched_) return;
  watched_ = needed;
  if (!watch(fd_, needed)) lose();
}

Error Session::not_connected() const {
  return {Errno{ENOTCONN}, "there is no connection to the server any more"};
}

void Session::lose() {
  const Error error(Errno{ECONNRESET}, trimmed(PQerrorMessage(native())));
  open_ = busy_ = false;
  unwatch(fd_);
  call_never();
  if (current_ != nullptr) end(*std::exchange(current_, nullptr), error);
  while (Query* const query = queue_.pop_front()) end(*query, not_connected());
  if (listener_ == nullptr || !listener_->is_waiting()) return;
  listener_->last_ = std::unexpected(error);
  listener_->resume_later();
}

}  // namespace tocsin::pq::internal
