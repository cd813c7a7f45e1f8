// SPDX-License-Identifier: MIT
#include "tocsin/http/internal/service.hpp"

#include <time.h>

namespace tocsin::http::internal {

Member::Member(Service& service, Context& context) : service_(service), context_(context) {
  service.members_.push_back(*this);
}

Member::~Member() {
  unlink();
  if (service_.waiting_ != nullptr && service_.members_.empty()) service_.waiting_->complete();
}

// ---- AllEnded -----------------------------------------------------------------------------------

bool AllEnded::await_ready() const { return service_.members_.empty(); }

void AllEnded::suspend(Waiter waiter) {
  enter(waiter);
  service_.waiting_ = this;
  executor().arm(expiry_, saturating_add(executor().now(), longest_));
}

void AllEnded::stop_waiting() {
  service_.waiting_ = nullptr;
  expiry_.unlink();
}

void AllEnded::complete() {
  stop_waiting();
  resume_later();
}

// ---- Service ------------------------------------------------------------------------------------

const DateText& Service::date(Kernel& kernel) {
  const TimePoint now = executor_.now();
  if (now >= date_ends_) {
    constexpr Duration second = std::chrono::seconds(1);
    const auto clock = kernel.clock_gettime(CLOCK_REALTIME);
    date_ = format_date(clock ? clock->tv_sec : 0);
    date_ends_ = now + (clock ? second - Duration(clock->tv_nsec) : second);
  }
  return date_;
}

void Service::begin_drain() {
  draining_ = true;
  members_.for_each([](Member& member) {
    if (member.is_idle()) member.context().cancel();
  });
}

}  // namespace tocsin::http::internal
