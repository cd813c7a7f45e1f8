// SPDX-License-Identifier: MIT
#include "tocsin/adapters/pq/row_stream.hpp"

#include "tocsin/base/check.hpp"

namespace tocsin::pq {

RowStream::~RowStream() {
  CHECK(waiter_ == nullptr, "a stream of rows was destroyed while somebody waits for one");
  if (asked_) give_up();
}

void RowStream::give(Rows rows) {
  if (rows.empty()) return;  // Behind the last row comes what tells of no more than the columns.
  row_ = std::move(rows);
  if (waiter_ != nullptr && waiter_->is_waiting()) waiter_->resume_later();
}

void RowStream::end(std::optional<Error> why) {
  ended_ = true;
  error_ = std::move(why);
  if (waiter_ != nullptr && waiter_->is_waiting()) waiter_->resume_later();
}

void NextRow::leave_stream() {
  if (std::exchange(waits_, false)) stream_->waiter_ = nullptr;
}

NextRow::~NextRow() { leave_stream(); }

bool NextRow::await_ready() {
  CHECK(stream_->waiter_ == nullptr, "one line at a time awaits the rows of a stream");
  if (stream_->asked_ && !stream_->row_ && !stream_->ended_) stream_->go_on();
  return stream_->row_ || stream_->ended_;
}

void NextRow::start() {
  waits_ = true;
  stream_->waiter_ = this;
  if (!std::exchange(stream_->asked_, true)) stream_->ask();
}

void NextRow::abandon() {
  leave_stream();
  cancelled_ = true;
}

Outcome<Rows> NextRow::await_resume() {
  leave_stream();
  if (cancelled_) return std::unexpected(Error(Errno::cancelled));
  if (stream_->row_) return std::move(*std::exchange(stream_->row_, std::nullopt));
  if (stream_->error_) return std::unexpected(*stream_->error_);
  return Rows();
}

}  // namespace tocsin::pq
