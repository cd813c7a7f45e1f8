// SPDX-License-Identifier: MIT
//
// epoll(7).
#include <sys/epoll.h>

#include "tests/differential/ops.hpp"

namespace tocsin::differential {
namespace {

constexpr std::array<Name, 1> create_flags{{{"EPOLL_CLOEXEC", EPOLL_CLOEXEC}}};
constexpr std::array<std::int64_t, 3> create_sizes{1, 0, -1};
constexpr std::array<Name, 3> operations{{{"EPOLL_CTL_ADD", EPOLL_CTL_ADD},
                                          {"EPOLL_CTL_DEL", EPOLL_CTL_DEL},
                                          {"EPOLL_CTL_MOD", EPOLL_CTL_MOD}}};
constexpr std::array<std::int64_t, 16> operation_pool{EPOLL_CTL_ADD,
                                                      EPOLL_CTL_ADD,
                                                      EPOLL_CTL_ADD,
                                                      EPOLL_CTL_ADD,
                                                      EPOLL_CTL_ADD,
                                                      EPOLL_CTL_ADD,
                                                      EPOLL_CTL_ADD,
                                                      EPOLL_CTL_MOD,
                                                      EPOLL_CTL_MOD,
                                                      EPOLL_CTL_MOD,
                                                      EPOLL_CTL_MOD,
                                                      EPOLL_CTL_DEL,
                                                      EPOLL_CTL_DEL,
                                                      0,
                                                      4,
                                                      -1};
constexpr std::array<Name, 15> event_bits{{{"EPOLLIN", EPOLLIN},
                                           {"EPOLLOUT", EPOLLOUT},
                                           {"EPOLLET", EPOLLET},
                                           {"EPOLLONESHOT", EPOLLONESHOT},
                                           {"EPOLLEXCLUSIVE", EPOLLEXCLUSIVE},
                                           {"EPOLLRDHUP", EPOLLRDHUP},
                                           {"EPOLLPRI", EPOLLPRI},
                                           {"EPOLLERR", EPOLLERR},
                                           {"EPOLLHUP", EPOLLHUP},
                                           {"EPOLLRDNORM", EPOLLRDNORM},
                                           {"EPOLLWRNORM", EPOLLWRNORM},
                                           {"EPOLLRDBAND", EPOLLRDBAND},
                                           {"EPOLLWRBAND", EPOLLWRBAND},
                                           {"EPOLLMSG", EPOLLMSG},
                                           {"EPOLLWAKEUP", EPOLLWAKEUP}}};
constexpr std::array<std::int64_t, 11> event_pool{EPOLLIN,
                                                  EPOLLIN | EPOLLET,
                                                  EPOLLIN | EPOLLOUT,
                                                  EPOLLIN | EPOLLOUT | EPOLLET,
                                                  EPOLLOUT | EPOLLET,
                                                  EPOLLIN | EPOLLONESHOT,
                                                  EPOLLIN | EPOLLET | EPOLLONESHOT,
                                                  EPOLLIN | EPOLLEXCLUSIVE,
                                                  EPOLLIN | EPOLLOUT | EPOLLET | EPOLLEXCLUSIVE,
                                                  EPOLLET,
                                                  0};
constexpr std::array<std::int64_t, 6> data{0, 1, 2, 3, 4, -1};
// The largest that is allowed is INT_MAX / sizeof(struct epoll_event).
constexpr std::array<std::int64_t, 8> rooms{64, 1, 2, 1, 3, 0, 178'956'970, 178'956'971};
constexpr std::array<std::int64_t, 2> seconds{0, -1};
constexpr std::array<std::int64_t, 3> nanoseconds{0, -1, 1'000'000'000};

std::array<epoll_event, 512> events;

std::span<epoll_event> room(std::int64_t count) {
  return {events.data(), static_cast<std::size_t>(count)};
}

// What is refused never looks at the room, so it may be said to be larger than it is.
void take_events(Answer& answer, Count count) {
  answer.take(count);
  for (std::size_t i = 0; i < count.value_or(0); ++i) {
    answer.add("events", events[i].events);
    answer.add("data", events[i].data.u64);
  }
}

void epoll_create1(Side& side, const Values& v, Answer& answer) {
  side.take(answer, v[0], side.kernel().epoll_create1(static_cast<int>(v[1])));
}
constexpr auto epoll_create1_c = R"(static void do_epoll_create1(int *made, long long flags) {
  *made = (int)result(epoll_create1((int)flags));
})";

void epoll_create(Side& side, const Values& v, Answer& answer) {
  side.take(answer, v[0], side.kernel().epoll_create(static_cast<int>(v[1])));
}
constexpr auto epoll_create_c = R"(static void do_epoll_create(int *made, long long size) {
  *made = (int)result(epoll_create((int)size));
})";

void epoll_ctl(Side& side, const Values& v, Answer& answer) {
  epoll_event event{.events = static_cast<std::uint32_t>(v[3]),
                    .data = {.u64 = static_cast<std::uint64_t>(v[4])}};
  answer.take(
      side.kernel().epoll_ctl(side.fd(v[0]), static_cast<int>(v[1]), side.fd(v[2]), &event));
}
constexpr auto epoll_ctl_c = R"(static void do_epoll_ctl(int epfd, long long operation, int fd,
                         long long events, long long data) {
  struct epoll_event event = {.events = (unsigned)events, .data.u64 = (unsigned long long)data};
  result(epoll_ctl(epfd, (int)operation, fd, &event));
})";

void epoll_ctl_null(Side& side, const Values& v, Answer& answer) {
  answer.take(
      side.kernel().epoll_ctl(side.fd(v[0]), static_cast<int>(v[1]), side.fd(v[2]), nullptr));
}
constexpr auto epoll_ctl_null_c =
    R"(static void do_epoll_ctl_null(int epfd, long long operation, int fd) {
  result(epoll_ctl(epfd, (int)operation, fd, NULL));
})";

void epoll_wait(Side& side, const Values& v, Answer& answer) {
  take_events(answer, side.kernel().epoll_wait(side.fd(v[0]), room(v[1]), 0));
}
constexpr auto epoll_wait_c = R"(static void do_epoll_wait(int epfd, long long room) {
  static struct epoll_event events[512];
  long long count = result(epoll_wait(epfd, events, (int)room, 0));
  for (long long i = 0; i < count; i++) {
    number("events", events[i].events);
    number("data", events[i].data.u64);
  }
})";

void epoll_wait_null(Side& side, const Values& v, Answer& answer) {
  const std::span<epoll_event> nowhere{static_cast<epoll_event*>(nullptr),
                                       static_cast<std::size_t>(v[1])};
  answer.take(side.kernel().epoll_wait(side.fd(v[0]), nowhere, 0));
}
constexpr auto epoll_wait_null_c = R"(static void do_epoll_wait_null(int epfd, long long room) {
  result(epoll_wait(epfd, NULL, (int)room, 0));
})";

void epoll_pwait2(Side& side, const Values& v, Answer& answer) {
  const timespec timeout{.tv_sec = v[2], .tv_nsec = v[3]};
  take_events(answer, side.kernel().epoll_pwait2(side.fd(v[0]), room(v[1]), &timeout));
}
constexpr auto epoll_pwait2_c =
    R"(static void do_epoll_pwait2(int epfd, long long room, long long seconds,
                            long long nanoseconds) {
  static struct epoll_event events[512];
  struct timespec timeout = {seconds, nanoseconds};
  long long count = result(epoll_pwait2(epfd, events, (int)room, &timeout, NULL));
  for (long long i = 0; i < count; i++) {
    number("events", events[i].events);
    number("data", events[i].data.u64);
  }
})";

}  // namespace

std::vector<OpSpec> epoll_ops() {
  const Operand epoll = slot(an_epoll);
  const Operand operation = number(operation_pool, operations);
  const Operand room = number(rooms);
  return {
      {"epoll_create1",
       Kind::wait,
       8,
       {new_slot(an_epoll), bits(create_flags)},
       epoll_create1,
       epoll_create1_c},
      {"epoll_create",
       Kind::wait,
       1,
       {new_slot(an_epoll), number(create_sizes)},
       epoll_create,
       epoll_create_c},
      {"epoll_ctl",
       Kind::wait,
       50,
       {epoll, operation, slot(), bits(event_bits, 0, event_pool), number(data)},
       epoll_ctl,
       epoll_ctl_c},
      {"epoll_ctl_null",
       Kind::wait,
       1,
       {epoll, operation, slot()},
       epoll_ctl_null,
       epoll_ctl_null_c},
      {"epoll_wait", Kind::wait, 40, {epoll, room}, epoll_wait, epoll_wait_c},
      {"epoll_wait_null", Kind::wait, 1, {epoll, room}, epoll_wait_null, epoll_wait_null_c},
      {"epoll_pwait2",
       Kind::wait,
       2,
       {epoll, room, number(seconds), number(nanoseconds)},
       epoll_pwait2,
       epoll_pwait2_c},
  };
}

}  // namespace tocsin::differential
