// SPDX-License-Identifier: MIT
//
// POSIX message queues (mq_overview(7)).
#include <fcntl.h>
#include <mqueue.h>

#include "tests/differential/names.hpp"
#include "tests/differential/ops.hpp"

namespace tocsin::differential {
namespace {

constexpr std::array<Name, 6> flags{{{"O_NONBLOCK", O_NONBLOCK},
                                     {"O_RDWR", O_RDWR},
                                     {"O_WRONLY", O_WRONLY},
                                     {"O_CREAT", O_CREAT},
                                     {"O_EXCL", O_EXCL},
                                     {"O_CLOEXEC", O_CLOEXEC}}};
constexpr std::array<std::int64_t, 5> flag_pool{O_RDWR | O_CREAT, O_RDWR | O_CREAT, O_RDWR,
                                                O_WRONLY, O_RDONLY};
constexpr std::array<std::int64_t, 3> which{0, 1, 2};
constexpr std::array<std::int64_t, 5> most{2, 1, 10, 0, -1};
constexpr std::array<std::int64_t, 4> lengths{16, 1, 8192, 0};
constexpr std::array<std::int64_t, 7> message_lengths{8, 0, 1, 16, 17, 8192, 8193};
constexpr std::array<std::int64_t, 5> priorities{0, 1, 2, 32767, 32768};

// O_PATH makes a descriptor of Linux' file system of queues, which is not what this is about.
int without_path(std::int64_t value) { return static_cast<int>(value & ~O_PATH); }

void mq_open(Side& side, const Values& v, Answer& answer) {
  mq_attr attributes{};
  attributes.mq_maxmsg = v[3];
  attributes.mq_msgsize = v[4];
  side.take(answer, v[0],
            side.kernel().mq_open(queue_name(v[1]).c_str(), without_path(v[2]), 0600, &attributes));
}
constexpr auto mq_open_c = R"(static void do_mq_open(int *made, long long which, long long flags,
                       long long most, long long length) {
  struct mq_attr attributes = {.mq_maxmsg = most, .mq_msgsize = length};
  *made = (int)result(mq_open(queue_name(which), (int)flags & ~O_PATH, 0600, &attributes));
})";

void mq_unlink(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().mq_unlink(queue_name(v[0]).c_str()));
}
constexpr auto mq_unlink_c = R"(static void do_mq_unlink(long long which) {
  result(mq_unlink(queue_name(which)));
})";

void mq_send(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().mq_timedsend(side.fd(v[0]), pattern(v[1], v[2]),
                                         static_cast<unsigned>(v[3]), nullptr));
}
constexpr auto mq_send_c = R"(static void do_mq_send(int fd, long long count, long long first,
                       long long priority) {
  result(mq_send(fd, (char *)pattern(count, first), (size_t)count, (unsigned)priority));
})";

void mq_receive(Side& side, const Values& v, Answer& answer) {
  const MutableBytes room = room_for(v[1]);
  unsigned priority = 0;
  answer.take(side.kernel().mq_timedreceive(side.fd(v[0]), room, &priority, nullptr));
  if (!answer.ok()) return;
  answer.add_bytes(room.first(static_cast<std::size_t>(answer.result)));
  answer.add("priority", priority);
}
constexpr auto mq_receive_c = R"(static void do_mq_receive(int fd, long long count) {
  unsigned priority = 0;
  long long got = result(mq_receive(fd, (char *)room(), (size_t)count, &priority));
  if (got < 0) return;
  bytes(room(), got);
  number("priority", priority);
})";

}  // namespace

std::vector<OpSpec> queue_ops() {
  constexpr static std::array<std::int64_t, 3> first_bytes{0, 1, 100};
  const Operand queue = slot(a_queue);
  const Operand length = number(message_lengths);
  return {
      {"mq_open",
       Kind::queue,
       10,
       {new_slot(a_queue), number(which), bits(flags, O_NONBLOCK, flag_pool), number(most),
        number(lengths)},
       mq_open,
       mq_open_c},
      {"mq_unlink", Kind::queue, 2, {number(which)}, mq_unlink, mq_unlink_c},
      {"mq_send",
       Kind::queue,
       14,
       {queue, length, number(first_bytes), number(priorities)},
       mq_send,
       mq_send_c},
      {"mq_receive", Kind::queue, 14, {queue, length}, mq_receive, mq_receive_c},
  };
}

}  // namespace tocsin::differential
