// SPDX-License-Identifier: MIT
//
// timerfd_create(2), with timers that are not over before the sequence is.
#include <sys/timerfd.h>
#include <time.h>

#include "tests/differential/ops.hpp"

namespace tocsin::differential {
namespace {

constexpr std::array<Name, 5> clocks{{{"CLOCK_MONOTONIC", CLOCK_MONOTONIC},
                                      {"CLOCK_REALTIME", CLOCK_REALTIME},
                                      {"CLOCK_BOOTTIME", CLOCK_BOOTTIME},
                                      {"CLOCK_TAI", CLOCK_TAI},
                                      {"CLOCK_MONOTONIC_RAW", CLOCK_MONOTONIC_RAW}}};
constexpr std::array<std::int64_t, 6> clock_pool{
    CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI, CLOCK_MONOTONIC_RAW, 99};
constexpr std::array<Name, 2> create_flags{
    {{"TFD_NONBLOCK", TFD_NONBLOCK}, {"TFD_CLOEXEC", TFD_CLOEXEC}}};
constexpr std::array<Name, 2> set_flags{{{"TFD_TIMER_ABSTIME", TFD_TIMER_ABSTIME},
                                         {"TFD_TIMER_CANCEL_ON_SET", TFD_TIMER_CANCEL_ON_SET}}};
// Absolute ones lie in 2096.
constexpr std::array<std::int64_t, 4> seconds{4'000'000'000, 0, 4'000'000'001, -1};
constexpr std::array<std::int64_t, 4> nanoseconds{0, 999'999'999, 1'000'000'000, -1};
constexpr std::array<std::int64_t, 4> intervals{0, 1, 1000, -1};

void timerfd_create(Side& side, const Values& v, Answer& answer) {
  side.take(answer, v[0],
            side.kernel().timerfd_create(static_cast<clockid_t>(v[1]), static_cast<int>(v[2])));
}
constexpr auto timerfd_create_c = R"(static void do_timerfd_create(int *made, long long clock,
                              long long flags) {
  *made = (int)result(timerfd_create((clockid_t)clock, (int)flags));
})";

void timerfd_settime(Side& side, const Values& v, Answer& answer) {
  // A few nanoseconds alone would be over at once.
  const itimerspec value{.it_interval = {.tv_sec = v[4], .tv_nsec = 0},
                         .it_value = {.tv_sec = v[2], .tv_nsec = v[2] == 0 ? 0 : v[3]}};
  answer.take(side.kernel().timerfd_settime(side.fd(v[0]), static_cast<int>(v[1]), value));
}
constexpr auto timerfd_settime_c = R"(static void do_timerfd_settime(int fd, long long flags,
                               long long seconds, long long nanoseconds, long long interval) {
  struct itimerspec value = {{interval, 0}, {seconds, seconds ? nanoseconds : 0}};
  result(timerfd_settime(fd, (int)flags, &value, NULL));
})";

// How much is left is not compared: time passes.
void timerfd_gettime(Side& side, const Values& v, Answer& answer) {
  const auto value = side.kernel().timerfd_gettime(side.fd(v[0]));
  answer.result = value ? 0 : -value.error().value();
  if (!value) return;
  answer.add("armed", value->it_value.tv_sec != 0 || value->it_value.tv_nsec != 0);
  answer.add("interval", static_cast<std::uint64_t>(value->it_interval.tv_sec));
}
constexpr auto timerfd_gettime_c = R"(static void do_timerfd_gettime(int fd) {
  struct itimerspec value;
  if (result(timerfd_gettime(fd, &value))) return;
  number("armed", value.it_value.tv_sec || value.it_value.tv_nsec);
  number("interval", (unsigned long long)value.it_interval.tv_sec);
})";

}  // namespace

std::vector<OpSpec> timer_ops() {
  const Operand timer = slot(a_timerfd);
  return {
      {"timerfd_create",
       Kind::timer,
       8,
       {new_slot(a_timerfd), number(clock_pool, clocks), bits(create_flags, TFD_NONBLOCK)},
       timerfd_create,
       timerfd_create_c},
      {"timerfd_settime",
       Kind::timer,
       8,
       {timer, bits(set_flags), number(seconds), number(nanoseconds), number(intervals)},
       timerfd_settime,
       timerfd_settime_c},
      {"timerfd_gettime", Kind::timer, 3, {timer}, timerfd_gettime, timerfd_gettime_c},
  };
}

}  // namespace tocsin::differential
