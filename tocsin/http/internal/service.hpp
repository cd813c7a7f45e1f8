// SPDX-License-Identifier: MIT
//
// Service: what the connections of one server have in common.
//
//     serve ──> [ Service: handler, options, date, who is connected ] <── Connection
//
// Ownership: it knows its connections and owns none; it outlives them. Thread rule: the loop's
// thread.
#pragma once

#include <variant>

#include "tocsin/base/executor.hpp"
#include "tocsin/http/server.hpp"
#include "tocsin/task/context.hpp"

namespace tocsin::http::internal {

class Service;

/// A connection, as far as its server has to know it.
class Member : public ListNode {
 public:
  /// `context` is the line that serves it. It is known to the server from here to its end.
  Member(Service& service, Context& context);
  ~Member();
  Member(const Member&) = delete;

  Service& service() const { return service_; }
  Context& context() const { return context_; }

  /// Whether it could end now and nobody would miss anything: such a one is cancelled when a drain
  /// begins; the others end by themselves.
  void set_idle(bool idle) { idle_ = idle; }
  bool is_idle() const { return idle_; }

 private:
  Service& service_;
  Context& context_;
  bool idle_ = false;
};

/// Waits until no connection is left, or for so long. Being cancelled does not cut it short: it is
/// what a cancelled server waits for.
class [[nodiscard]] AllEnded final : public Suspension {
 public:
  /// For `longest` at most, counted from the turn in which it is awaited.
  AllEnded(Service& service, Duration longest) : service_(service), longest_(longest) {}
  AllEnded(const AllEnded&) = delete;

  bool await_ready() const;
  void suspend(Waiter waiter);
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> waiter) {
    suspend(Waiter{waiter, &waiter.promise().context()});
  }
  void await_resume() const {}

  /// The last connection has gone, or the time is over: the server goes on with the next turn of
  /// the queue.
  void complete();

 private:
  struct Expiry final : Alarm {
    explicit Expiry(AllEnded& owner) : waiting(&owner) {}
    void run() override { waiting->complete(); }
    AllEnded* waiting;
  };

  void on_cancel() override {}
  void on_destroy() override { stop_waiting(); }
  void stop_waiting();

  Service& service_;
  Duration longest_;
  Expiry expiry_{*this};
};

class Service {
 public:
  Service(Executor& executor, std::variant<Handler, AsyncHandler> handler,
          const ServerOptions& options)
      : executor_(executor), handler_(std::move(handler)), options_(options) {}
  Service(const Service&) = delete;

  /// What all of them run on.
  Executor& executor() const { return executor_; }
  const ServerOptions& options() const { return options_; }

  /// The handler that answers at once, or null: then it is the other one.
  Handler* handler() { return std::get_if<Handler>(&handler_); }
  AsyncHandler& async_handler() { return std::get<AsyncHandler>(handler_); }

  /// The date of this second; `kernel` has the clock.
  const DateText& date(Kernel& kernel);

  /// From now on no connection stays after its answer; those that are idle end.
  void begin_drain();
  bool is_draining() const { return draining_; }

 private:
  friend class Member;
  friend class AllEnded;

  Executor& executor_;
  std::variant<Handler, AsyncHandler> handler_;
  ServerOptions options_;
  List<Member> members_;         // Who is connected; they enter and leave by themselves.
  AllEnded* waiting_ = nullptr;  // Whoever waits for the last of them; not owned.
  bool draining_ = false;
  DateText date_{};
  TimePoint date_ends_{};  // The date is made anew from here on.
};

}  // namespace tocsin::http::internal
