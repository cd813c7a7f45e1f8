// SPDX-License-Identifier: MIT
//
// What exactly is answered, for pipes, counters and sockets in each of their states: the masks of
// poll(2), which epoll and io_uring give too, and what select(2) makes of them.
#include <arpa/inet.h>
#include <netinet/in.h>

#include "tests/contract/poller_contract.hpp"

namespace tocsin::contract {
namespace {

class PollerMask : public PollerContract {
 protected:
  /// Asked for reading and writing (and the peer's end, where there is a word for it), level.
  Ready mask_of(const Fd& fd) {
    Ready interest = Ready::read | Ready::write | Ready::priority;
    if (can().hangup) interest |= Ready::read_hangup;
    watch(fd, interest, level, 1);
    const Answers answers = look();
    EXPECT_EQ(code(poller_->remove(fd.get())), 0);
    return answers.empty() ? Ready::none : answers.front().ready;
  }

  // select(2), "Correspondence between select() and poll() notifications": POLLIN_SET holds POLLHUP
  // and POLLERR, POLLOUT_SET holds POLLERR, POLLEX_SET is POLLPRI.
  Ready as_this_mechanism_says_it(Ready mask) const {
    if (can().hangup) return mask;
    Ready said = Ready::none;
    if (any(mask, Ready::read | Ready::hangup | Ready::error)) said |= Ready::read;
    if (any(mask, Ready::write | Ready::error)) said |= Ready::write;
    if (any(mask, Ready::priority)) said |= Ready::priority;
    return said;
  }

  void expect_mask(const char* state, const Fd& fd, Ready mask) {
    EXPECT_EQ((Answer{1, mask_of(fd)}), (Answer{1, as_this_mechanism_says_it(mask)})) << state;
  }

  void fill(const Fd& pipe_end) {
    const std::vector<std::byte> page(4096);
    while (kernel().write(pipe_end.get(), page)) {
    }
  }
};
INSTANTIATE_TEST_SUITE_P(All, PollerMask, testing::ValuesIn(worlds()), name_of);

TEST_P(PollerMask, APipesReadingEnd) {
  Pair pipe = this->pipe();
  expect_mask("empty", pipe.first, Ready::none);
  put(pipe.second);
  expect_mask("data", pipe.first, Ready::read);
  pipe.second.reset();
  expect_mask("data, writer gone", pipe.first, Ready::read | Ready::hangup);
  take(pipe.first);
  expect_mask("empty, writer gone", pipe.first, Ready::hangup);
}

TEST_P(PollerMask, APipesWritingEnd) {
  Pair roomy = pipe();
  expect_mask("room", roomy.second, Ready::write);
  roomy.first.reset();
  expect_mask("room, reader gone", roomy.second, Ready::write | Ready::error);
  Pair full = pipe();
  fill(full.second);
  expect_mask("full", full.second, Ready::none);
  full.first.reset();
  expect_mask("full, reader gone", full.second, Ready::error);
}

TEST_P(PollerMask, ACounter) {
  const Fd fd = counter();
  expect_mask("zero", fd, Ready::write);
  bump(fd);
  expect_mask("one", fd, Ready::read | Ready::write);
}

TEST_P(PollerMask, AUnixStream) {
  Pair pair = sockets();
  expect_mask("idle", pair.first, Ready::write);
  put(pair.second);
  expect_mask("data", pair.first, Ready::read | Ready::write);
  take(pair.first);
  ASSERT_TRUE(kernel().shutdown(pair.second.get(), SHUT_WR));
  expect_mask("peer has finished writing", pair.first,
              Ready::read | Ready::write | Ready::read_hangup);
  pair.second.reset();
  expect_mask("peer closed", pair.first,
              Ready::read | Ready::write | Ready::read_hangup | Ready::hangup);
}

TEST_P(PollerMask, AUnixStreamWhosePeerLeftDataUnread) {
  Pair pair = sockets();
  put(pair.first);
  pair.second.reset();
  expect_mask("reset", pair.first,
              Ready::read | Ready::write | Ready::read_hangup | Ready::hangup | Ready::error);
}

TEST_P(PollerMask, TcpFromSocketToConnectionToUrgentByteToEnd) {
  const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  Fd listener(kernel(), kernel().socket(AF_INET, type, 0).value());
  expect_mask("fresh", listener, Ready::write | Ready::hangup);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  const auto generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_TRUE(kernel().bind(listener.get(), generic, length));
  ASSERT_TRUE(kernel().listen(listener.get(), 8));
  ASSERT_TRUE(kernel().getsockname(listener.get(), generic, &length));
  expect_mask("listening", listener, Ready::none);

  Fd client(kernel(), kernel().socket(AF_INET, type, 0).value());
  static_cast<void>(kernel().connect(client.get(), generic, length));  // EINPROGRESS, or done.
  watch(listener, Ready::read, level, 9);
  EXPECT_EQ(next(), (Answers{{9, Ready::read}})) << "one to accept";
  EXPECT_EQ(code(poller_->remove(listener.get())), 0);
  const Fd server(kernel(),
                  kernel().accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK).value());
  expect_mask("connected", server, Ready::write);

  watch(server, Ready::priority, level, 8);
  ASSERT_TRUE(kernel().send(client.get(), as_bytes("!"), MSG_OOB));
  EXPECT_EQ(next(), (Answers{{8, Ready::priority}})) << "an urgent byte";
  EXPECT_EQ(code(poller_->remove(server.get())), 0);

  const int port_of_nobody = address.sin_port;
  listener.reset();
  Fd refused(kernel(), kernel().socket(AF_INET, type, 0).value());
  address.sin_port = static_cast<in_port_t>(port_of_nobody);
  static_cast<void>(kernel().connect(refused.get(), generic, length));
  watch(refused, Ready::write, level, 7);
  const Answers end = next();
  ASSERT_EQ(end.size(), 1u);
  EXPECT_TRUE(any(end.front().ready, Ready::write));
  EXPECT_EQ(any(end.front().ready, Ready::error), can().hangup) << "asked for or not";
  EXPECT_EQ(any(end.front().ready, Ready::hangup), can().hangup);
}

// poll(2): "POLLERR, POLLHUP [...] This flag is also ignored in events": they come unasked.
TEST_P(PollerMask, HangupComesUnaskedWhereThereIsAWordForIt) {
  Pair pipe = this->pipe();
  watch(pipe.first, Ready::none, level, 1);
  EXPECT_EQ(look(), Answers{});
  put(pipe.second);
  EXPECT_EQ(look(), Answers{}) << "nobody asked";
  pipe.second.reset();
  EXPECT_EQ(look(), can().hangup ? (Answers{{1, Ready::hangup}}) : Answers{});
}

}  // namespace
}  // namespace tocsin::contract
