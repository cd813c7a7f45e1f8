// SPDX-License-Identifier: MIT
//
// on_each: events by callback, for whoever does not write a coroutine.
//
//     source.next() ──> [ a task in your Scope ] ──> callback(event), callback(event), ...
//
// Anything with a `next()` that can be awaited for a Result will do: signals, a ticker, a watch.
// The callback runs in the executor's thread, one event after the other; cancelling the Scope ends
// the deliveries.
//
// Ownership: source and Scope are the caller's; the source must outlive the task. Thread rule: the
// executor's thread.
#pragma once

#include <coroutine>
#include <utility>

#include "tocsin/base/result.hpp"
#include "tocsin/task/scope.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

namespace internal {

/// Awaiting it tells, at once, whether the line that awaits it is cancelled.
class IsCancelled {
 public:
  bool await_ready() const { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> line) {
    cancelled_ = line.promise().context().is_cancelled();
    return false;
  }
  bool await_resume() const { return cancelled_; }

 private:
  bool cancelled_ = false;
};

template <class Source, class Callback>
Task<Result<>> deliver_each(Source& source, Callback callback) {
  while (true) {
    auto event = co_await source.next();
    if (!event) co_return std::unexpected(event.error());
    callback(std::move(*event));
    // A source that always has more never waits, and only who waits is told.
    if (co_await IsCancelled{}) co_return std::unexpected(Errno::cancelled);
  }
}

}  // namespace internal

/// Calls `callback` with every event of `source` from now on, in a task of `scope`. When `next`
/// fails that task fails, with the same error (ECANCELED if the scope was cancelled): `join` tells.
/// The callback may cancel the scope; it may not destroy it, nor the source.
template <class Source, class Callback>
void on_each(Scope& scope, Source& source, Callback callback) {
  scope.spawn(internal::deliver_each(source, std::move(callback)));
}

}  // namespace tocsin
