// SPDX-License-Identifier: MIT
//
// Edges, on the mechanisms that have them: what is news, when a reader may stop, and the pitfall
// that epoll(7) names "Starvation (edge-triggered)".
#include <deque>
#include <map>

#include "tests/contract/poller_contract.hpp"

namespace tocsin::contract {
namespace {

class PollerEdge : public PollerContract {};
INSTANTIATE_TEST_SUITE_P(All, PollerEdge, testing::ValuesIn(worlds_with(&Capabilities::edge)),
                         name_of);

TEST_P(PollerEdge, EveryWriteIsAnEdgeEvenIfNothingWasReadBetween) {
  const Fd fd = counter();
  watch(fd, Ready::read, edge, 1);
  for (int i = 0; i < 3; ++i) {
    bump(fd);
    EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
    EXPECT_EQ(look(), Answers{});
  }
}

TEST_P(PollerEdge, AnEdgeInOneDirectionMayTellOfTheOtherButNeverOmitsItself) {
  const Pair pair = sockets();
  watch(pair.first, Ready::read | Ready::write, edge, 1);
  EXPECT_EQ(look(), (Answers{{1, Ready::write}}));
  put(pair.second);
  const Ready expected = can().whole_mask ? Ready::read | Ready::write : Ready::read;
  EXPECT_EQ(look(), (Answers{{1, expected}}));
}

TEST_P(PollerEdge, ModifyMakesAnEdgeAnswerAgainWhatIsStillReady) {
  const Fd fd = counter(1);
  watch(fd, Ready::read, edge, 1);
  EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
  EXPECT_EQ(look(), Answers{});
  EXPECT_EQ(code(modify(fd.get(), Ready::read, edge, 1)), 0);
  EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
}

// "Do I need to continuously read/write a file descriptor until EAGAIN [...]? For stream-oriented
// files [...] if you call read(2) by asking to read a certain amount of data and read(2) returns a
// lower number of bytes, you can be sure of having exhausted the read I/O space."
TEST_P(PollerEdge, AfterAShortReadTheNextByteOfAStreamIsAnEdge) {
  for (const bool is_pipe : {true, false}) {
    const Pair pair = is_pipe ? pipe() : sockets();
    watch(pair.first, Ready::read, edge, 1);
    for (int i = 0; i < 3; ++i) {
      put(pair.second, 100);
      EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
      EXPECT_EQ(take(pair.first, 4096), 100u) << "short: there is no need to see EAGAIN";
    }
    EXPECT_EQ(code(poller_->remove(pair.first.get())), 0);
  }
}

// The other half: a datagram socket's short read says nothing about the next datagram.
TEST_P(PollerEdge, AfterAShortReadADatagramSocketMayHoldMore) {
  const Pair pair = sockets(SOCK_DGRAM);
  watch(pair.first, Ready::read, edge, 1);
  put(pair.second, 10);
  put(pair.second, 20);
  EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
  EXPECT_EQ(take(pair.first, 4096), 10u);
  EXPECT_EQ(look(), Answers{}) << "no news";
  EXPECT_EQ(take(pair.first, 4096), 20u) << "and yet more data: only EAGAIN is the end";
  EXPECT_EQ(take(pair.first, 4096), 0u);
}

// epoll(7), "Starvation (edge-triggered)": "maintain a ready list and mark the file descriptor as
// ready in its associated data structure, thereby allowing the application to remember which files
// need to be processed but still round robin amongst all the ready files". One peer has a lot to
// say, nine have one word; with the ready list each of them is served in the first round.
TEST_P(PollerEdge, AReadyListServesTheLightBesideTheHeavy) {
  std::map<std::uint64_t, Pair> peers;
  for (std::uint64_t token = 0; token < 10; ++token) {
    const auto peer = peers.emplace(token, pipe()).first;
    watch(peer->second.first, Ready::read, edge, token);
    put(peer->second.second, token == 0 ? 60'000 : 10);
  }
  std::deque<std::uint64_t> ready;
  for (const Answer& answer : look()) ready.push_back(answer.token);
  ASSERT_EQ(ready.size(), 10u);

  std::vector<std::uint64_t> finished;
  for (int rounds = 0; !ready.empty(); ++rounds) {
    ASSERT_LT(rounds, 1000);
    const std::uint64_t token = ready.front();
    ready.pop_front();
    if (take(peers.at(token).first, 1000) == 1000)
      ready.push_back(token);  // A full read: there may be more, but the others come first.
    else
      finished.push_back(token);
  }
  EXPECT_EQ(finished, (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 0}));
  EXPECT_EQ(look(), Answers{}) << "and the kernel had nothing to remind us of";
}

}  // namespace
}  // namespace tocsin::contract
