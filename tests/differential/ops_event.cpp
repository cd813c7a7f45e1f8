// SPDX-License-Identifier: MIT
//
// eventfd(2).
#include <sys/eventfd.h>

#include <cstring>

#include "tests/differential/ops.hpp"

namespace tocsin::differential {
namespace {

constexpr std::array<std::int64_t, 4> initial{0, 1, 5, 0xffffffff};
constexpr std::array<Name, 3> flags{{{"EFD_NONBLOCK", EFD_NONBLOCK},
                                     {"EFD_SEMAPHORE", EFD_SEMAPHORE},
                                     {"EFD_CLOEXEC", EFD_CLOEXEC}}};
// -1 is the largest, which cannot be added; -2 fills the counter.
constexpr std::array<std::int64_t, 8> added{1, 1, 2, 0, -2, -3, -1, INT64_MAX};

void eventfd(Side& side, const Values& v, Answer& answer) {
  side.take(answer, v[0],
            side.kernel().eventfd(static_cast<unsigned>(v[1]), static_cast<int>(v[2])));
}
constexpr auto eventfd_c =
    R"(static void do_eventfd(int *made, long long initial, long long flags) {
  *made = (int)result(eventfd((unsigned)initial, (int)flags));
})";

void write_u64(Side& side, const Values& v, Answer& answer) {
  const auto value = static_cast<std::uint64_t>(v[1]);
  answer.take(side.kernel().write(side.fd(v[0]),
                                  {reinterpret_cast<const std::byte*>(&value), sizeof value}));
}
constexpr auto write_u64_c = R"(static void do_write_u64(int fd, long long value) {
  result(write(fd, &value, 8));
})";

}  // namespace

std::vector<OpSpec> event_ops() {
  return {
      {"eventfd",
       Kind::event,
       10,
       {new_slot(an_eventfd), number(initial), bits(flags, EFD_NONBLOCK)},
       eventfd,
       eventfd_c},
      {"write_u64", Kind::event, 20, {slot(an_eventfd), number(added)}, write_u64, write_u64_c},
  };
}

}  // namespace tocsin::differential
