// SPDX-License-Identifier: MIT
#include "tocsin/adapters/sdbus/match.hpp"

#include <utility>

#include "tocsin/adapters/sdbus/internal/connection.hpp"

namespace tocsin::sdbus {

NextSignal::NextSignal(std::shared_ptr<internal::MatchQueue> queue)
    : queue_(std::move(queue)), receive_(queue_->messages().receive()) {}

Outcome<Signal> NextSignal::await_resume() { return queue_->hand_out(receive_.await_resume()); }

Match::Match(std::shared_ptr<internal::MatchQueue> queue) : queue_(std::move(queue)) {}
Match::Match(Match&&) noexcept = default;
Match::~Match() {
  if (queue_ != nullptr) queue_->end(Errno::cancelled);
}

namespace internal {

int MatchQueue::install(const char* rule) {
  return sd_bus_add_match_async(connection_.bus(), &slot_, rule, &MatchQueue::on_message,
                                &MatchQueue::on_installed, this);
}

void MatchQueue::leave_bus() {
  if (slot_ == nullptr) return;
  slot_ = sd_bus_slot_unref(slot_);
  connection_.look_again();  // The bus is told that the rule is taken back.
}

void MatchQueue::end(const Error& reason) {
  leave_bus();
  if (messages_.is_closed()) return;
  reason_ = reason;
  messages_.close();
}

// 0: the message is for other rules and filters, too.
int MatchQueue::on_message(sd_bus_message* message, void* queue, sd_bus_error*) {
  auto& to = *static_cast<MatchQueue*>(queue);
  if (to.messages_.size() == to.messages_.capacity() && to.messages_.try_receive()) ++to.lost_;
  // There is no room if all that is there belongs to readers who are about to go on.
  if (!to.messages_.try_send(Message::of(message))) ++to.lost_;
  return 0;
}

int MatchQueue::on_installed(sd_bus_message* answer, void* queue, sd_bus_error*) {
  if (sd_bus_message_is_method_error(answer, nullptr) > 0)
    static_cast<MatchQueue*>(queue)->end(Error::of(answer));
  return 0;
}

Outcome<Signal> MatchQueue::hand_out(Result<Message> message) {
  if (message) return Signal{std::move(*message), std::exchange(lost_, 0)};
  if (message.error() == Errno::cancelled) return std::unexpected(Errno::cancelled);
  return std::unexpected(reason_);
}

}  // namespace internal
}  // namespace tocsin::sdbus
