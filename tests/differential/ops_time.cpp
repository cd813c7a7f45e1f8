// SPDX-License-Identifier: MIT
//
// Operations of tier 2, in which time passes: in cells of 20 ms. What expires does so in the middle
// of a cell, and everything else happens at its beginning, so that a machine may be late by some
// milliseconds without a difference. An op that waits ends with the cell in which it came back.
// Timers that expire together are seen together or one after the other, as it happens: so each is
// set to a moment of its own, a millisecond after that of the one before.
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>

#include "tests/differential/ops.hpp"

namespace tocsin::differential {
namespace {

constexpr std::array<std::int64_t, 5> cells{1, 1, 2, 3, 5};
constexpr std::array<std::int64_t, 4> interval_cells{0, 0, 1, 2};
constexpr std::array<std::int64_t, 4> rooms{64, 1, 2, 3};
constexpr std::array<Name, 3> clocks{{{"CLOCK_MONOTONIC", CLOCK_MONOTONIC},
                                      {"CLOCK_REALTIME", CLOCK_REALTIME},
                                      {"CLOCK_BOOTTIME", CLOCK_BOOTTIME}}};
constexpr std::array<std::int64_t, 3> clock_pool{CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME};
constexpr std::array<Name, 2> event_bits{{{"POLLIN", POLLIN}, {"POLLOUT", POLLOUT}}};

constexpr std::int64_t cell_length = std::chrono::nanoseconds{Side::cell}.count();
constexpr std::int64_t billion = 1'000'000'000;

timespec length_of(std::int64_t nanoseconds) {
  return {.tv_sec = nanoseconds / billion, .tv_nsec = nanoseconds % billion};
}

// Timers are set from within a cell, and expire in the `count`-th after it, that one included.
std::int64_t until_expiry(Side& side, std::int64_t count) {
  return (count - 1) * cell_length + side.next_expiry().count() - side.into_cell().count();
}

void time_passes(Side& side, const Values& v, Answer&) { side.pass(static_cast<int>(v[0])); }
constexpr auto time_passes_c = R"(static void do_time_passes(long long count) {
  cell += count;
  wait_for_cell();
  result(0);
})";

void timer_start(Side& side, const Values& v, Answer& answer) {
  const itimerspec value{.it_interval = length_of(v[2] * cell_length),
                         .it_value = length_of(until_expiry(side, v[1]))};
  answer.take(side.kernel().timerfd_settime(side.fd(v[0]), 0, value));
}
constexpr auto timer_start_c = R"(static void do_timer_start(int fd, long long count,
                           long long interval) {
  struct itimerspec value = {{0, interval * CELL}, {0, until_expiry(count)}};
  result(timerfd_settime(fd, 0, &value, NULL));
})";

void timer_at(Side& side, const Values& v, Answer& answer) {
  Kernel& kernel = side.kernel();
  const auto clock = static_cast<clockid_t>(v[1]);
  const auto made = kernel.timerfd_create(clock, TFD_NONBLOCK);
  side.take(answer, v[0], made);
  const auto now = kernel.clock_gettime(clock);
  if (!made || !now) return;
  const std::int64_t when = now->tv_sec * billion + now->tv_nsec + until_expiry(side, v[2]);
  const itimerspec value{.it_interval = length_of(v[3] * cell_length), .it_value = length_of(when)};
  answer.take(kernel.timerfd_settime(*made, TFD_TIMER_ABSTIME, value));
  answer.add("fd", static_cast<unsigned>(*made));
}
constexpr auto timer_at_c = R"(static void do_timer_at(int *made, long long clock,
                        long long count, long long interval) {
  struct timespec now;
  struct itimerspec value = {{0, interval * CELL}, {0, 0}};
  *made = timerfd_create((clockid_t)clock, TFD_NONBLOCK);
  clock_gettime((clockid_t)clock, &now);
  long long when = now.tv_sec * 1000000000LL + now.tv_nsec + until_expiry(count);
  value.it_value = (struct timespec){when / 1000000000, when % 1000000000};
  result(*made < 0 ? -1 : timerfd_settime(*made, TFD_TIMER_ABSTIME, &value, NULL));
  if (*made >= 0) number("fd", (unsigned)*made);
})";

// Rounded so that it does not matter how late the machine is. How far it is to a time in many years
// depends on the clocks, which are not the same.
constexpr std::int64_t most_cells = 1000;

void timer_left(Side& side, const Values& v, Answer& answer) {
  const auto value = side.kernel().timerfd_gettime(side.fd(v[0]));
  answer.result = value ? 0 : -value.error().value();
  if (!value) return;
  const std::int64_t left = value->it_value.tv_sec * billion + value->it_value.tv_nsec;
  answer.add("armed", left != 0);
  const std::int64_t left_cells = (left + cell_length - 1) / cell_length;
  answer.add("cells", static_cast<std::uint64_t>(std::min(left_cells, most_cells)));
  answer.add("interval", static_cast<std::uint64_t>(value->it_interval.tv_nsec));
}
constexpr auto timer_left_c = R"(static void do_timer_left(int fd) {
  struct itimerspec value;
  if (result(timerfd_gettime(fd, &value))) return;
  long long left = value.it_value.tv_sec * 1000000000LL + value.it_value.tv_nsec;
  number("armed", left != 0);
  long long cells = (left + CELL - 1) / CELL;
  number("cells", (unsigned long long)(cells < 1000 ? cells : 1000));
  number("interval", (unsigned long long)value.it_interval.tv_nsec);
})";

void epoll_wait_long(Side& side, const Values& v, Answer& answer) {
  std::array<epoll_event, 64> events;
  const auto room = std::span(events).first(static_cast<std::size_t>(v[1]));
  const auto timeout = static_cast<int>(v[2] * cell_length / 1'000'000);
  const Count count = side.kernel().epoll_wait(side.fd(v[0]), room, timeout);
  side.finish_cell();
  answer.take(count);
  for (std::size_t i = 0; i < count.value_or(0); ++i) {
    answer.add("events", events[i].events);
    answer.add("data", events[i].data.u64);
  }
}
constexpr auto epoll_wait_long_c = R"(static void do_epoll_wait_long(int epfd, long long room,
                               long long count) {
  struct epoll_event events[64];
  long long got = result(epoll_wait(epfd, events, (int)room, (int)(count * CELL / 1000000)));
  finish_cell();
  for (long long i = 0; i < got; i++) {
    number("events", events[i].events);
    number("data", events[i].data.u64);
  }
})";

void poll_long(Side& side, const Values& v, Answer& answer) {
  std::array fds{pollfd{.fd = side.fd(v[0]), .events = static_cast<short>(v[1]), .revents = 0},
                 pollfd{.fd = side.fd(v[2]), .events = static_cast<short>(v[3]), .revents = 0}};
  const timespec timeout = length_of(v[4] * cell_length);
  answer.take(side.kernel().ppoll(fds, &timeout));
  side.finish_cell();
  if (!answer.ok()) return;
  for (const pollfd& one : fds) answer.add("revents", static_cast<std::uint16_t>(one.revents));
}
constexpr auto poll_long_c = R"(static void do_poll_long(int a, long long want_a, int b,
                         long long want_b, long long count) {
  struct pollfd fds[2] = {{a, (short)want_a, 0}, {b, (short)want_b, 0}};
  long long got = result(poll(fds, 2, (int)(count * CELL / 1000000)));
  finish_cell();
  for (int i = 0; got >= 0 && i < 2; i++) number("revents", (unsigned short)fds[i].revents);
})";

void pselect_long(Side& side, const Values& v, Answer& answer) {
  FdSet read = side.fd_set_of(v[0]), write = side.fd_set_of(v[1]);
  const timespec timeout = length_of(v[2] * cell_length);
  answer.take(side.kernel().pselect(64, read.data(), write.data(), nullptr, &timeout));
  side.finish_cell();
  answer.add("read", read[0]);
  answer.add("write", write[0]);
}
constexpr auto pselect_long_c = R"(static void do_pselect_long(unsigned read, unsigned write,
                            long long count) {
  unsigned long sets[2][16] = {{0}, {0}};
  struct timespec timeout = {0, count * CELL};
  for (int i = 0; i < 8; i++) {
    if ((read >> i & 1) && f[i] >= 0) sets[0][0] |= 1UL << (f[i] % 64);
    if ((write >> i & 1) && f[i] >= 0) sets[1][0] |= 1UL << (f[i] % 64);
  }
  result(syscall(SYS_pselect6, 64, sets[0], sets[1], NULL, &timeout, NULL));
  finish_cell();
  number("read", sets[0][0]);
  number("write", sets[1][0]);
})";

// One that waits must come back: so it is not asked of a timer that will not expire for long.
constexpr std::int64_t long_time = 10 * cell_length;

void timer_read_long(Side& side, const Values& v, Answer& answer) {
  Kernel& kernel = side.kernel();
  const int fd = side.fd(v[0]);
  const auto value = kernel.timerfd_gettime(fd);
  const auto left = value.value_or(itimerspec{}).it_value;
  answer.result = value ? -EAGAIN : -value.error().value();
  if ((left.tv_sec == 0 && left.tv_nsec == 0) || left.tv_sec != 0 || left.tv_nsec > long_time)
    return;
  const MutableBytes ticks = room_for(8);
  static_cast<void>(kernel.fcntl(fd, F_SETFL, 0));  // A timer: it cannot fail.
  answer.take(kernel.read(fd, ticks));
  static_cast<void>(kernel.fcntl(fd, F_SETFL, O_NONBLOCK));
  side.finish_cell();
  if (answer.ok()) answer.add_bytes(ticks);
}
constexpr auto timer_read_long_c = R"(static void do_timer_read_long(int fd) {
  struct itimerspec value;
  long long failed = timerfd_gettime(fd, &value), got;
  if (failed || value.it_value.tv_sec || !value.it_value.tv_nsec ||
      value.it_value.tv_nsec > 10 * CELL) {
    if (!failed) errno = EAGAIN;
    result(-1);
    return;
  }
  fcntl(fd, F_SETFL, 0);
  got = result(read(fd, room(), 8));
  fcntl(fd, F_SETFL, O_NONBLOCK);
  finish_cell();
  if (got > 0) bytes(room(), got);
})";

// Deadlines of queues are times of CLOCK_REALTIME.
timespec deadline_of(Side& side, std::int64_t count) {
  const timespec now = side.kernel().clock_gettime(CLOCK_REALTIME).value_or(timespec{});
  return length_of(now.tv_sec * billion + now.tv_nsec - side.into_cell().count() +
                   count * cell_length);
}

void mq_receive_long(Side& side, const Values& v, Answer& answer) {
  Kernel& kernel = side.kernel();
  const int fd = side.fd(v[0]);
  const timespec deadline = deadline_of(side, v[1]);
  const MutableBytes room = room_for(8192);
  unsigned priority = 0;
  static_cast<void>(kernel.fcntl(fd, F_SETFL, 0));  // What is no queue says so below.
  answer.take(kernel.mq_timedreceive(fd, room, &priority, &deadline));
  static_cast<void>(kernel.fcntl(fd, F_SETFL, O_NONBLOCK));
  side.finish_cell();
  if (!answer.ok()) return;
  answer.add_bytes(room.first(static_cast<std::size_t>(answer.result)));
  answer.add("priority", priority);
}
constexpr auto mq_receive_long_c = R"(static void do_mq_receive_long(int fd, long long count) {
  unsigned priority = 0;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  long long when = now.tv_sec * 1000000000LL + now.tv_nsec - (elapsed() - cell * CELL) +
                   count * CELL;
  struct timespec deadline = {when / 1000000000, when % 1000000000};
  fcntl(fd, F_SETFL, 0);
  long long got = result(mq_timedreceive(fd, (char *)room(), 8192, &priority, &deadline));
  fcntl(fd, F_SETFL, O_NONBLOCK);
  finish_cell();
  if (got < 0) return;
  bytes(room(), got);
  number("priority", priority);
})";

void mq_send_long(Side& side, const Values& v, Answer& answer) {
  Kernel& kernel = side.kernel();
  const int fd = side.fd(v[0]);
  const timespec deadline = deadline_of(side, v[1]);
  static_cast<void>(kernel.fcntl(fd, F_SETFL, 0));  // As above.
  answer.take(kernel.mq_timedsend(fd, pattern(1, 0), 0, &deadline));
  static_cast<void>(kernel.fcntl(fd, F_SETFL, O_NONBLOCK));
  side.finish_cell();
}
constexpr auto mq_send_long_c = R"(static void do_mq_send_long(int fd, long long count) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  long long when = now.tv_sec * 1000000000LL + now.tv_nsec - (elapsed() - cell * CELL) +
                   count * CELL;
  struct timespec deadline = {when / 1000000000, when % 1000000000};
  fcntl(fd, F_SETFL, 0);
  result(mq_timedsend(fd, (char *)pattern(1, 0), 1, 0, &deadline));
  fcntl(fd, F_SETFL, O_NONBLOCK);
  finish_cell();
})";

}  // namespace

std::vector<OpSpec> time_ops() {
  const Operand timer = slot(a_timerfd);
  const Operand some = number(cells);
  const Operand interval = number(interval_cells);
  const Operand wanted = bits(event_bits);
  const Operand queue = slot(a_queue);
  return {
      {"time_passes", Kind::time, 14, {some}, time_passes, time_passes_c},
      {"timer_start", Kind::time, 14, {timer, some, interval}, timer_start, timer_start_c},
      {"timer_at",
       Kind::time,
       10,
       {new_slot(a_timerfd), number(clock_pool, clocks), some, interval},
       timer_at,
       timer_at_c},
      {"timer_left", Kind::time, 5, {timer}, timer_left, timer_left_c},
      {"epoll_wait_long",
       Kind::time,
       10,
       {slot(an_epoll), number(rooms), some},
       epoll_wait_long,
       epoll_wait_long_c},
      {"poll_long", Kind::time, 6, {slot(), wanted, slot(), wanted, some}, poll_long, poll_long_c},
      {"pselect_long", Kind::time, 4, {slot_set(), slot_set(), some}, pselect_long, pselect_long_c},
      {"timer_read_long", Kind::time, 5, {timer}, timer_read_long, timer_read_long_c},
      {"mq_receive_long", Kind::time, 2, {queue, some}, mq_receive_long, mq_receive_long_c},
      {"mq_send_long", Kind::time, 2, {queue, some}, mq_send_long, mq_send_long_c},
  };
}

}  // namespace tocsin::differential
