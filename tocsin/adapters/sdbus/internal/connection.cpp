// SPDX-License-Identifier: MIT
#include "tocsin/adapters/sdbus/internal/connection.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "tocsin/base/check.hpp"

namespace tocsin::sdbus::internal {

Connection::Connection(Loop& loop, sd_bus* bus, const std::source_location& where)
    : ForeignFds(loop, "sd-bus", where), bus_(bus) {
  look_again();
}

Connection::~Connection() {
  CHECK(!processing_, "a Bus was destroyed by a handler that runs inside of it");
  end(Errno::cancelled);
  look_.unlink();
  sd_bus_close_unref(bus_);
}

// ---- calls --------------------------------------------------------------------------------------

void Connection::begin(Call& call) {
  if (!reason_) {
    const Message request = std::move(*call.result_);
    const int sent =
        sd_bus_call_async(bus_, &call.slot_, request.native(), &Connection::on_answer, &call, 0);
    look_again();
    if (sent >= 0) return calls_.push_back(call);
    call.result_ = std::unexpected(Errno{-sent});
  } else {
    call.result_ = std::unexpected(*reason_);
  }
  call.resume_later();
}

void Connection::forget(Call& call) {
  call.unlink();
  call.slot_ = sd_bus_slot_unref(call.slot_);
  look_again();  // It may have been the next to time out.
}

// 0: who has a filter may want to see the answer as well.
int Connection::on_answer(sd_bus_message* answer, void* argument, sd_bus_error*) {
  Call& call = *static_cast<Call*>(argument);
  call.unlink();
  call.slot_ = sd_bus_slot_unref(call.slot_);
  if (sd_bus_message_is_method_error(answer, nullptr) > 0)
    call.result_ = std::unexpected(Error::of(answer));
  else
    call.result_ = Message::of(answer);
  call.resume_later();
  return 0;
}

Outcome<Match> Connection::match(const std::string& rule) {
  if (reason_) return std::unexpected(*reason_);
  auto queue = std::make_shared<MatchQueue>(*this);
  const int done = queue->install(rule.c_str());
  look_again();
  if (done < 0) return std::unexpected(Errno{-done});
  std::erase_if(matches_, [](const auto& match) { return match.expired(); });
  matches_.push_back(queue);
  return Match(std::move(queue));
}

// ---- being connected ----------------------------------------------------------------------------

std::optional<Outcome<>> Connection::state() {
  if (reason_) return std::unexpected(*reason_);
  if (was_ready_) return Outcome<>();
  return std::nullopt;
}

void Connection::wait_until_ready(UntilReady& waiter) {
  CHECK(awaits_ready_ == nullptr, "one at a time waits until a Bus is ready");
  awaits_ready_ = &waiter;
}

void Connection::forget(UntilReady& waiter) {
  if (awaits_ready_ == &waiter) awaits_ready_ = nullptr;
}

void Connection::notice_state() {
  if (reason_) return;
  if (sd_bus_is_open(bus_) <= 0) return end(Errno{ECONNRESET});
  if (was_ready_ || sd_bus_is_ready(bus_) <= 0) return;
  was_ready_ = true;
  if (UntilReady* const waiter = std::exchange(awaits_ready_, nullptr)) waiter->resume_later();
}

// Everybody is told here, not when sd-bus comes to them one after the other: of those that it
// answers by itself then, nobody could tell the end of the connection from a time-out.
void Connection::end(const Error& reason) {
  if (reason_) return;
  reason_ = reason;
  unwatch(std::exchange(fd_, -1));
  while (Call* const call = calls_.pop_front()) {
    call->slot_ = sd_bus_slot_unref(call->slot_);
    call->result_ = std::unexpected(reason);
    call->resume_later();
  }
  for (const auto& match : matches_)
    if (const auto queue = match.lock()) queue->end(reason);
  if (UntilReady* const waiter = std::exchange(awaits_ready_, nullptr)) {
    waiter->result_ = std::unexpected(reason);
    waiter->resume_later();
  }
}

// It cannot go on; sd-bus leaves it to its caller to close the bus then.
void Connection::fail(const Error& reason) {
  end(reason);
  sd_bus_close(bus_);
}

// ---- sd-bus' descriptor and time-outs -----------------------------------------------------------

// What is left goes on in the next turn: the descriptor is still ready, or there is a time-out of
// 0.
void Connection::process() {
  CHECK(!processing_, "a Bus is processed by its loop alone");
  processing_ = true;
  for (int i = 0; i < most_messages_per_turn; ++i) {
    notice_state();  // Before the next call, which may close the descriptor.
    const int did = sd_bus_process(bus_, nullptr);
    if (did < 0) fail(Errno{-did});
    if (did <= 0) break;
  }
  processing_ = false;
  watch_bus();
}

// One that is not open any more still has its time-outs: so sd-bus comes to tell the slots of
// others.
void Connection::watch_bus() {
  notice_state();
  if (!reason_)
    if (const auto watched = watch_descriptor(); !watched) fail(watched.error());
  set_time();
}

Result<> Connection::watch_descriptor() {
  const int fd = sd_bus_get_fd(bus_);
  const int events = sd_bus_get_events(bus_);
  if (fd < 0 || events < 0) return std::unexpected(Errno{-std::min(fd, events)});
  // POLLIN and POLLOUT have epoll's values.
  const Ready interest{static_cast<std::uint32_t>(events)};
  if (was_ready_ && fd == fd_ && interest == interest_) return {};
  if (fd != fd_) unwatch(fd_);
  fd_ = fd;
  interest_ = interest;
  return watch(fd, interest);
}

void Connection::set_time() {
  std::uint64_t due = 0;  // Microseconds of CLOCK_MONOTONIC.
  if (sd_bus_get_timeout(bus_, &due) <= 0) return call_never();
  constexpr std::uint64_t latest = static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::microseconds>(Duration::max()).count());
  const auto count = static_cast<std::int64_t>(std::min(due, latest));
  call_at(TimePoint{std::chrono::microseconds(count)});
}

}  // namespace tocsin::sdbus::internal
