// SPDX-License-Identifier: MIT
//
// pq::RowStream: the rows of a statement, as they come.
//
//     the server ──> Connection ──> [ RowStream ] ──> while (...) co_await rows.next()
//
// Back-pressure: while nobody takes the row that is there, nothing is read from the server, which
// stops when the buffers of the sockets are full. Its connection is busy from the first `next`
// until the stream has ended, or is destroyed, which cancels the rest (see Connection).
//
// Ownership: it stays where it is made, in the frame of its user. A connection that ends before it
// ends it with ECANCELED. Thread rule: the loop's thread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tocsin/adapters/pq/error.hpp"
#include "tocsin/adapters/pq/query.hpp"
#include "tocsin/adapters/pq/rows.hpp"
#include "tocsin/task/operation.hpp"

namespace tocsin::pq {

class RowStream;

/// See RowStream::next.
class [[nodiscard]] NextRow final : public Operation {
 public:
  explicit NextRow(RowStream& stream) : stream_(&stream) {}
  NextRow(NextRow&&) = default;
  ~NextRow();

  bool await_ready();
  Outcome<Rows> await_resume();

 private:
  friend class RowStream;
  void start() override;
  void abandon() override;

  void leave_stream();

  RowStream* stream_;
  bool waits_ = false;  // From `start` until it has the result: to the stream, its waiter.
  bool cancelled_ = false;
};

class RowStream final : private Query {
 public:
  RowStream(internal::Session& session, std::string sql, std::vector<Parameter> parameters)
      : Query(session, std::move(sql), std::move(parameters)) {}
  RowStream(const RowStream&) = delete;
  RowStream& operator=(const RowStream&) = delete;
  /// Requires: nobody waits.
  ~RowStream();

  /// Waits for one more row, and gives it as Rows of size 1; of size 0 at the end, again and again.
  /// Fails as Connection::execute: the rows before that count for nothing then. ECANCELED ends the
  /// wait and nothing else: the next call goes on. One at a time.
  NextRow next() { return NextRow(*this); }

 private:
  friend class NextRow;

  bool is_row_by_row() const override { return true; }
  bool has_room() const override { return !row_; }
  void give(Rows rows) override;
  void end(std::optional<Error> why) override;

  std::optional<Rows> row_;     // The one that has come and was not taken.
  std::optional<Error> error_;  // What it ended by.
  bool asked_ = false;
  bool ended_ = false;
  NextRow* waiter_ = nullptr;
};

}  // namespace tocsin::pq
