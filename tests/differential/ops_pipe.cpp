// SPDX-License-Identifier: MIT
//
// pipe(7).
#include <fcntl.h>

#include "tests/differential/ops.hpp"

namespace tocsin::differential {
namespace {

constexpr std::array<Name, 3> flags{
    {{"O_NONBLOCK", O_NONBLOCK}, {"O_DIRECT", O_DIRECT}, {"O_CLOEXEC", O_CLOEXEC}}};
constexpr std::array<std::int64_t, 8> capacities{4096, 0, 1, 4097, 8192, 65536, 65537, 1 << 20};
constexpr Holds an_end = a_reader | a_writer;

void pipe2(Side& side, const Values& v, Answer& answer) {
  side.take(answer, v[0], v[1], side.kernel().pipe2(static_cast<int>(v[2])));
}
constexpr auto pipe2_c = R"(static void do_pipe2(int *reader, int *writer, long long flags) {
  int made[2] = {-1, -1};
  long long failed = result(pipe2(made, (int)flags));
  *reader = made[0];
  *writer = made[1];
  if (failed) return;
  number("first", (unsigned long long)made[0]);
  number("second", (unsigned long long)made[1]);
})";

void set_capacity(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().fcntl(side.fd(v[0]), F_SETPIPE_SZ, static_cast<int>(v[1])));
}
constexpr auto set_capacity_c = R"(static void do_set_capacity(int fd, long long bytes) {
  result(fcntl(fd, F_SETPIPE_SZ, (int)bytes));
})";

void get_capacity(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().fcntl(side.fd(v[0]), F_GETPIPE_SZ, 0));
}
constexpr auto get_capacity_c = R"(static void do_get_capacity(int fd) {
  result(fcntl(fd, F_GETPIPE_SZ));
})";

}  // namespace

std::vector<OpSpec> pipe_ops() {
  return {
      {"pipe2",
       Kind::pipe,
       10,
       {new_slot(a_reader), new_slot(a_writer), bits(flags, O_NONBLOCK)},
       pipe2,
       pipe2_c},
      {"set_capacity",
       Kind::pipe,
       3,
       {slot(an_end), number(capacities)},
       set_capacity,
       set_capacity_c},
      {"get_capacity", Kind::pipe, 1, {slot(an_end)}, get_capacity, get_capacity_c},
  };
}

}  // namespace tocsin::differential
