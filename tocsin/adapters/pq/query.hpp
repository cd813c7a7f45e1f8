// SPDX-License-Identifier: MIT
//
// pq::Query: a statement and its parameters, on its way through a Connection.
//
//     Connection::execute, Connection::stream ──> [ Query ] ──> the queue of the connection
//         ──> the server ──> results, one by one ──> Execute, RowStream
//
// Ownership: it lies in the Execute or the RowStream it is a part of. Thread rule: the loop's
// thread.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tocsin/adapters/pq/error.hpp"
#include "tocsin/adapters/pq/rows.hpp"
#include "tocsin/base/list.hpp"

namespace tocsin::pq {

namespace internal {
class Session;
}  // namespace internal

/// What stands for $1, $2, ... in a statement: text, as the server reads it, or NULL. It is never
/// a part of the statement, so nothing in it has to be quoted.
class Parameter {
 public:
  Parameter(std::nullopt_t) {}
  Parameter(std::string text) : text_(std::move(text)) {}
  Parameter(std::string_view text) : text_(text) {}
  Parameter(const char* text) : text_(text) {}
  Parameter(bool value) : text_(value ? "true" : "false") {}
  template <std::integral Integer>
  Parameter(Integer value) : text_(std::to_string(value)) {}
  /// Exactly that number: the shortest text that is read as it.
  Parameter(double value);
  template <class T>
  Parameter(const std::optional<T>& value) {
    if (value) *this = Parameter(*value);
  }

  /// Nothing for NULL.
  const std::optional<std::string>& text() const { return text_; }

 private:
  std::optional<std::string> text_;
};

/// The base of what runs a statement: the connection gives it the results.
class Query : public ListNode {
 protected:
  Query(internal::Session& session, std::string sql, std::vector<Parameter> parameters)
      : session_(&session), sql_(std::move(sql)), parameters_(std::move(parameters)) {}
  Query(Query&&) = default;
  ~Query() = default;

  /// Queues it. Requires: it was not asked before.
  void ask();
  /// Reads on, after there was no room. Requires: it was asked, and has not ended.
  void go_on();
  /// Takes it back, whether it waits in the queue or is under way; nothing if it has ended.
  void give_up();

 private:
  friend class internal::Session;

  /// Whether each row is to come by itself, before the statement has ended.
  virtual bool is_row_by_row() const { return false; }
  /// Whether it takes a result now; until it does, nothing is read from the server.
  virtual bool has_room() const { return true; }
  virtual void give(Rows rows) = 0;
  /// There is nothing more. Neither this nor `give` runs code of the user's.
  virtual void end(std::optional<Error> why) = 0;

  internal::Session* session_;  // Null once it has ended.
  std::string sql_;
  std::vector<Parameter> parameters_;
};

}  // namespace tocsin::pq
