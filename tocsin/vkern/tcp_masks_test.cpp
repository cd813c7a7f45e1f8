// SPDX-License-Identifier: MIT
//
// What poll(2) says of a TCP socket in each of its states, as a table, on Linux and on both kernels
// in user space; and what the errors are that go with it.
#include "tocsin/vkern/inet_testing.hpp"

namespace tocsin::vkern {
namespace {

class TcpMasks : public InetTest {
 public:
  using InetTest::E;
  using InetTest::H;
  using InetTest::I;
  using InetTest::O;
  using InetTest::P;
  using InetTest::R;

  // One row: how a socket comes to its state, and what it is.
  struct Row {
    const char* state;
    int (TcpMasks::*reach)();  // Answers the socket to look at.
    Mask mask;
    int error;  // SO_ERROR then.
  };
  static const Row rows[];

  int fresh() { return tcp(); }
  int bound_only() { return bound(SOCK_STREAM); }
  int dissolved_fresh() {
    const int fd = tcp();
    EXPECT_TRUE(dissolve(fd));
    return fd;
  }
  int listening() { return listener(); }
  int one_waits() {
    const int fd = listener();
    EXPECT_EQ(code(connect(tcp(), name(fd))), EINPROGRESS);
    return fd;
  }
  int shut_listener() {
    const int fd = listener();
    EXPECT_TRUE(kernel_.shutdown(fd, SHUT_RD));
    return fd;
  }
  int half_shut_listener() {
    const int fd = listener();
    EXPECT_TRUE(kernel_.shutdown(fd, SHUT_WR));
    return fd;
  }
  int backlog_is_full() {
    const int fd = listener(0);
    EXPECT_EQ(code(connect(tcp(), name(fd))), EINPROGRESS);
    expect_mask(fd, I);
    const int second = tcp();
    EXPECT_EQ(code(connect(second, name(fd))), EINPROGRESS);
    return second;
  }
  int idle() { return connected().client; }
  int with_data() {
    const Pair pair = connected();
    EXPECT_EQ(number(send(pair.server, "data")), 4);
    return pair.client;
  }
  int below_low_water() {
    const Pair pair = connected();
    EXPECT_EQ(set(pair.client, SOL_SOCKET, SO_RCVLOWAT, 100), 0);
    EXPECT_EQ(number(send(pair.server, "abc")), 3);
    return pair.client;
  }
  int low_water_and_fin() {
    const Pair pair = connected();
    EXPECT_EQ(set(pair.client, SOL_SOCKET, SO_RCVLOWAT, 100), 0);
    EXPECT_EQ(number(send(pair.server, "abc")), 3);
    EXPECT_TRUE(kernel_.shutdown(pair.server, SHUT_WR));
    return pair.client;
  }
  int urgent() {
    const Pair pair = connected();
    EXPECT_EQ(number(send(pair.server, "!", MSG_OOB)), 1);
    return pair.client;
  }
  int urgent_inline() {
    const Pair pair = connected();
    EXPECT_EQ(set(pair.client, SOL_SOCKET, SO_OOBINLINE, 1), 0);
    EXPECT_EQ(number(send(pair.server, "!", MSG_OOB)), 1);
    return pair.client;
  }
  int urgent_after_data() {
    const Pair pair = connected();
    EXPECT_EQ(number(send(pair.server, "ab!", MSG_OOB)), 3);
    return pair.client;
  }
  int urgent_before_data() {
    const Pair pair = connected();
    EXPECT_EQ(number(send(pair.server, "!", MSG_OOB)), 1);
    EXPECT_EQ(number(send(pair.server, "ab")), 2);
    return pair.client;
  }
  int urgent_was_read() {
    const int fd = urgent();
    expect_mask(fd, P | O);
    EXPECT_EQ(receive(fd, 1, MSG_OOB), "!");
    return fd;
  }
  int peer_shut() {
    const Pair pair = connected();
    EXPECT_TRUE(kernel_.shutdown(pair.server, SHUT_WR));
    return pair.client;
  }
  int peer_stopped_reading() {
    const Pair pair = connected();
    EXPECT_TRUE(kernel_.shutdown(pair.server, SHUT_RD));
    return pair.client;
  }
  int self_shut() {
    const Pair pair = connected();
    EXPECT_TRUE(kernel_.shutdown(pair.client, SHUT_WR));
    return pair.client;
  }
  int self_stopped_reading() {
    const Pair pair = connected();
    EXPECT_TRUE(kernel_.shutdown(pair.client, SHUT_RD));
    return pair.client;
  }
  int self_shut_both() {
    const Pair pair = connected();
    EXPECT_TRUE(kernel_.shutdown(pair.client, SHUT_RDWR));
    return pair.client;
  }
  int both_shut_self_first() {
    const Pair pair = connected();
    EXPECT_TRUE(kernel_.shutdown(pair.client, SHUT_WR));
    EXPECT_TRUE(kernel_.shutdown(pair.server, SHUT_WR));
    return pair.client;
  }
  int both_shut_self_last() {
    const Pair pair = connected();
    EXPECT_TRUE(kernel_.shutdown(pair.server, SHUT_WR));
    expect_mask(pair.client, I | O | R);
    EXPECT_TRUE(kernel_.shutdown(pair.client, SHUT_WR));
    return pair.client;
  }
  int peer_closed() {
    const Pair pair = connected();
    close(pair.server);
    return pair.client;
  }
  int peer_closed_with_unread_data() {
    const Pair pair = connected();
    EXPECT_EQ(number(send(pair.client, "unread")), 6);
    expect_mask(pair.server, I | O);
    close(pair.server);
    return pair.client;
  }
  int peer_lingered_for_nothing() {
    const Pair pair = connected();
    const linger nothing{.l_onoff = 1, .l_linger = 0};
    EXPECT_TRUE(kernel_.setsockopt(pair.server, SOL_SOCKET, SO_LINGER, &nothing, sizeof nothing));
    close(pair.server);
    return pair.client;
  }
  int reset_after_fin() {
    const int fd = peer_closed();
    expect_mask(fd, I | O | R);
    EXPECT_EQ(number(send(fd, "too late")), 8);
    return fd;
  }
  int data_for_the_deaf() {
    const Pair pair = connected();
    EXPECT_TRUE(kernel_.shutdown(pair.client, SHUT_RDWR));
    expect_mask(pair.server, I | O | R);
    EXPECT_EQ(number(send(pair.server, "hello?")), 6);
    return pair.client;
  }
  int sent_to_the_deaf() {
    const Pair pair = connected();
    EXPECT_TRUE(kernel_.shutdown(pair.client, SHUT_RDWR));
    expect_mask(pair.server, I | O | R);
    EXPECT_EQ(number(send(pair.server, "hello?")), 6);
    return pair.server;
  }
  int refused() {
    const int fd = tcp();
    EXPECT_EQ(code(connect(fd, at(free_port()))), EINPROGRESS);
    return fd;
  }
  int listener_closed_before_accept() {
    const int listening_fd = listener();
    const int fd = tcp();
    EXPECT_EQ(code(connect(fd, name(listening_fd))), EINPROGRESS);
    expect_mask(listening_fd, I);
    close(listening_fd);
    return fd;
  }
  int shut_fresh() {
    const int fd = tcp();
    EXPECT_EQ(code(kernel_.shutdown(fd, SHUT_RDWR)), ENOTCONN);
    return fd;
  }
  int half_shut_fresh() {
    const int fd = tcp();
    EXPECT_EQ(code(kernel_.shutdown(fd, SHUT_RD)), ENOTCONN);
    return fd;
  }
  int dissolved() {
    const Pair pair = connected();
    EXPECT_TRUE(dissolve(pair.client));
    return pair.client;
  }
  int peer_dissolved() {
    const Pair pair = connected();
    EXPECT_TRUE(dissolve(pair.server));
    return pair.client;
  }

  std::uint16_t free_port() {
    const int fd = bound(SOCK_STREAM);
    const std::uint16_t number = port(fd);
    close(fd);
    return number;
  }
};

const TcpMasks::Row TcpMasks::rows[] = {
    {"fresh", &TcpMasks::fresh, O | H, 0},
    {"bound", &TcpMasks::bound_only, O | H, 0},
    {"fresh, dissolved", &TcpMasks::dissolved_fresh, O | H, 0},
    {"fresh, shut", &TcpMasks::shut_fresh, I | O | H | R, 0},
    {"fresh, reading shut", &TcpMasks::half_shut_fresh, I | O | H | R, 0},
    {"listening", &TcpMasks::listening, 0, 0},
    {"listening, one waits", &TcpMasks::one_waits, I, 0},
    {"listener, shut for reading", &TcpMasks::shut_listener, O | H, 0},
    {"listener, shut for writing", &TcpMasks::half_shut_listener, 0, 0},
    {"connecting to a full backlog", &TcpMasks::backlog_is_full, 0, 0},
    {"established", &TcpMasks::idle, O, 0},
    {"data", &TcpMasks::with_data, I | O, 0},
    {"data below SO_RCVLOWAT", &TcpMasks::below_low_water, O, 0},
    {"data below SO_RCVLOWAT, FIN", &TcpMasks::low_water_and_fin, I | O | R, 0},
    {"urgent", &TcpMasks::urgent, P | O, 0},
    {"urgent, inline", &TcpMasks::urgent_inline, I | P | O, 0},
    {"urgent after data", &TcpMasks::urgent_after_data, I | P | O, 0},
    {"urgent before data", &TcpMasks::urgent_before_data, I | P | O, 0},
    {"urgent, read", &TcpMasks::urgent_was_read, O, 0},
    {"peer SHUT_WR", &TcpMasks::peer_shut, I | O | R, 0},
    {"peer SHUT_RD", &TcpMasks::peer_stopped_reading, O, 0},
    {"self SHUT_WR", &TcpMasks::self_shut, O, 0},
    {"self SHUT_RD", &TcpMasks::self_stopped_reading, I | O | R, 0},
    {"self SHUT_RDWR", &TcpMasks::self_shut_both, I | O | H | R, 0},
    {"both SHUT_WR, self first", &TcpMasks::both_shut_self_first, I | O | H | R, 0},
    {"both SHUT_WR, self last", &TcpMasks::both_shut_self_last, I | O | H | R, 0},
    {"peer closed", &TcpMasks::peer_closed, I | O | R, 0},
    {"peer closed with unread data", &TcpMasks::peer_closed_with_unread_data, I | O | E | H | R,
     ECONNRESET},
    {"peer lingered for nothing", &TcpMasks::peer_lingered_for_nothing, I | O | E | H | R,
     ECONNRESET},
    {"RST after FIN", &TcpMasks::reset_after_fin, I | O | E | H | R, EPIPE},
    {"shut, then data came", &TcpMasks::data_for_the_deaf, I | O | E | H | R, ECONNRESET},
    {"data to one that was shut", &TcpMasks::sent_to_the_deaf, I | O | E | H | R, EPIPE},
    {"refused", &TcpMasks::refused, I | O | E | H | R, ECONNREFUSED},
    {"listener closed before accept", &TcpMasks::listener_closed_before_accept, I | O | E | H | R,
     ECONNRESET},
    {"dissolved", &TcpMasks::dissolved, O | E | H, ECONNRESET},
    {"peer dissolved", &TcpMasks::peer_dissolved, I | O | E | H | R, ECONNRESET},
};

TEST_P(TcpMasks, AreThoseOfTheTable) {
  for (const Row& row : rows) {
    SCOPED_TRACE(row.state);
    const int fd = (this->*row.reach)();
    expect_mask(fd, row.mask);
    EXPECT_EQ(error(fd), row.error);
    expect_mask(fd, row.mask & ~E);
    EXPECT_EQ(error(fd), 0) << "it was told once";
  }
}

// The same states: what the next call answers, each on a socket of its own.
TEST_P(TcpMasks, GoWithTheAnswersOfRecvAndSend) {
  const struct {
    const char* state;
    int (TcpMasks::*reach)();
    const char* receives[2];
    std::int64_t sends[2];
  } answers[] = {
      {"fresh", &TcpMasks::fresh, {"ENOTCONN", "ENOTCONN"}, {-EPIPE, -EPIPE}},
      {"listening", &TcpMasks::listening, {"ENOTCONN", "ENOTCONN"}, {-EPIPE, -EPIPE}},
      {"connecting", &TcpMasks::backlog_is_full, {"EAGAIN", "EAGAIN"}, {-EAGAIN, -EAGAIN}},
      {"established", &TcpMasks::idle, {"EAGAIN", "EAGAIN"}, {1, 1}},
      {"peer SHUT_WR", &TcpMasks::peer_shut, {"", ""}, {1, 1}},
      {"self SHUT_WR", &TcpMasks::self_shut, {"EAGAIN", "EAGAIN"}, {-EPIPE, -EPIPE}},
      {"self SHUT_RD", &TcpMasks::self_stopped_reading, {"", ""}, {1, 1}},
      {"both SHUT_WR", &TcpMasks::both_shut_self_first, {"", ""}, {-EPIPE, -EPIPE}},
      {"unread data",
       &TcpMasks::peer_closed_with_unread_data,
       {"ECONNRESET", ""},
       {-ECONNRESET, -EPIPE}},
      {"RST after FIN", &TcpMasks::reset_after_fin, {"", ""}, {-EPIPE, -EPIPE}},
      {"refused", &TcpMasks::refused, {"ECONNREFUSED", ""}, {-ECONNREFUSED, -EPIPE}},
      {"fresh, shut", &TcpMasks::shut_fresh, {"", ""}, {-EPIPE, -EPIPE}},
      {"dissolved", &TcpMasks::dissolved, {"ECONNRESET", "ENOTCONN"}, {-ECONNRESET, -EPIPE}},
  };
  for (const auto& row : answers) {
    SCOPED_TRACE(row.state);
    const int reader = (this->*row.reach)();
    settle();
    for (const char* const expected : row.receives) EXPECT_EQ(receive(reader), expected);
    const int writer = (this->*row.reach)();
    settle();
    for (const std::int64_t expected : row.sends) EXPECT_EQ(number(send(writer, "x")), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(OnEachKernel, TcpMasks, on_each_kernel(), name_of);

}  // namespace
}  // namespace tocsin::vkern
