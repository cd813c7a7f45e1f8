// SPDX-License-Identifier: MIT
//
// Reading and writing, of whatever can be read and written.
#include "tests/differential/ops_inet.hpp"

namespace tocsin::differential {
namespace {

constexpr std::array<std::int64_t, 4> first_bytes{0, 1, 100, 255};
constexpr Holds readable = ~(an_epoll | a_writer | a_listener);
constexpr Holds writable = an_eventfd | a_writer | a_stream | a_datagram | a_file | an_inet;

void take_bytes(Side& side, const Source& source, MutableBytes bytes, Answer& answer) {
  side.make_comparable(source, bytes);
  answer.add_bytes(bytes);
}

void read(Side& side, const Values& v, Answer& answer) {
  const MutableBytes room = room_for(v[1]);
  const Source source = side.source(v[0]);
  answer.take(side.kernel().read(source.fd, room));
  if (answer.ok())
    take_bytes(side, source, room.first(static_cast<std::size_t>(answer.result)), answer);
}
constexpr auto read_c = R"(static void do_read(int fd, long long count) {
  long long got = result(read(fd, room(), (size_t)count));
  if (got < 0) return;
  make_comparable(fd, room(), got);
  bytes(room(), got);
})";

void write(Side& side, const Values& v, Answer& answer) {
  const ByteView bytes = pattern(sendable(side, v[0], v[1]), v[2]);
  answer.take(side.kernel().write(side.fd(v[0]), bytes));
}
constexpr auto write_c = R"(static void do_write(int fd, long long count, long long first) {
  count = sendable(fd, count);
  result(write(fd, pattern(count, first), (size_t)count));
})";

void readv(Side& side, const Values& v, Answer& answer) {
  const MutableBytes room = room_for(v[1] + v[2]);
  const auto first = static_cast<std::size_t>(v[1]);
  const std::array parts{iovec{room.data(), first},
                         iovec{room.data() + first, static_cast<std::size_t>(v[2])}};
  const Source source = side.source(v[0]);
  answer.take(side.kernel().readv(source.fd, parts));
  if (answer.ok())
    take_bytes(side, source, room.first(static_cast<std::size_t>(answer.result)), answer);
}
constexpr auto readv_c = R"(static void do_readv(int fd, long long count, long long more) {
  struct iovec parts[2] = {{room(), (size_t)count}, {room() + count, (size_t)more}};
  long long got = result(readv(fd, parts, 2));
  if (got < 0) return;
  make_comparable(fd, room(), got);
  bytes(room(), got);
})";

void writev(Side& side, const Values& v, Answer& answer) {
  const std::int64_t count = sendable(side, v[0], v[1]);
  const std::int64_t more = sendable(side, v[0], v[2]);
  const ByteView whole = pattern(count + more, v[3]);
  const auto first = static_cast<std::size_t>(count);
  auto* const start = const_cast<std::byte*>(whole.data());
  const std::array parts{iovec{start, first}, iovec{start + first, static_cast<std::size_t>(more)}};
  answer.take(side.kernel().writev(side.fd(v[0]), parts));
}
constexpr auto writev_c =
    R"(static void do_writev(int fd, long long count, long long more, long long first) {
  count = sendable(fd, count);
  more = sendable(fd, more);
  unsigned char *whole = pattern(count + more, first);
  struct iovec parts[2] = {{whole, (size_t)count}, {whole + count, (size_t)more}};
  result(writev(fd, parts, 2));
})";

}  // namespace

std::vector<OpSpec> transfer_ops() {
  const Operand size = number(sizes);
  const Operand first = number(first_bytes);
  return {
      {"read", Kind::descriptor, 16, {slot(readable), size}, read, read_c},
      {"write", Kind::descriptor, 12, {slot(writable), size, first}, write, write_c},
      {"readv", Kind::descriptor, 2, {slot(readable), size, size}, readv, readv_c},
      {"writev", Kind::descriptor, 2, {slot(writable), size, size, first}, writev, writev_c},
  };
}

}  // namespace tocsin::differential
