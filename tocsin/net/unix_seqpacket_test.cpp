// SPDX-License-Identifier: MIT
#include "tocsin/net/unix_seqpacket.hpp"

#include <array>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/kern/folder_testing.hpp"
#include "tocsin/net/unix.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

Task<Result<UnixMessage>> receive(UnixSeqpacket& from) { co_return co_await from.receive(); }
Task<Result<>> send(UnixSeqpacket& by, std::string_view text) {
  co_return co_await by.send(as_bytes(text));
}
Task<> send_into(UnixSeqpacket& by, std::string_view text, std::optional<Result<>>& into) {
  into = co_await by.send(as_bytes(text));
}
Task<Result<UnixSeqpacket>> accept(UnixSeqpacketListener& from) {
  co_return co_await from.accept();
}

class UnixSeqpacketTest : public testing::Test {
 protected:
  LoopWorld world;
  std::pair<UnixSeqpacket, UnixSeqpacket> ends = UnixSeqpacket::pair(world.loop).value();
  UnixSeqpacket& one = ends.first;
  UnixSeqpacket& other = ends.second;
};

TEST_F(UnixSeqpacketTest, AConnectionKeepsMessagesApart) {
  const auto where =
      Address::unix_abstract("tocsin-seqpacket-" + std::to_string(LinuxKernel::shared().getpid()))
          .value();
  auto listener = UnixSeqpacketListener::bind(world.loop, where).value();
  auto client = world.await(UnixSeqpacket::connect(world.loop, where)).value();
  auto server = world.await(accept(listener)).value();
  for (const char* text : {"one", "two"}) ASSERT_TRUE(world.await(send(client, text)));
  EXPECT_EQ(as_text(world.await(receive(server))->bytes), "one");
  EXPECT_EQ(as_text(world.await(receive(server))->bytes), "two");
  EXPECT_EQ(client.peer_address(), where);
  EXPECT_EQ(listener.counters().accepted, 1u);
}

TEST_F(UnixSeqpacketTest, TheEndComesAfterWhatWasSent) {
  ASSERT_TRUE(world.await(send(one, "last words")));
  ASSERT_TRUE(one.finish_sending());
  EXPECT_EQ(as_text(world.await(receive(other))->bytes), "last words");
  EXPECT_TRUE(world.await(receive(other))->is_end());
  EXPECT_TRUE(world.await(receive(other))->is_end()) << "and stays";
  ASSERT_TRUE(world.await(send(other, "the other way")));
  EXPECT_EQ(as_text(world.await(receive(one))->bytes), "the other way");
}

TEST_F(UnixSeqpacketTest, WithCredentialsAnEmptyMessageIsNoEnd) {
  ASSERT_TRUE(other.pass_credentials());
  ASSERT_TRUE(world.await(send(one, "")));
  ASSERT_TRUE(one.finish_sending());
  EXPECT_FALSE(world.await(receive(other))->is_end());
  EXPECT_TRUE(world.await(receive(other))->is_end());
}

TEST_F(UnixSeqpacketTest, WhoSendsFasterThanIsReceivedWaitsAndLosesNothing) {
  const std::string large(50'000, 'l');
  int sent = 0;
  std::optional<Result<>> last;
  while (true) {
    last.reset();
    world.scope.spawn(send_into(one, large, last));
    world.run_until_idle();
    if (!last) break;
    ASSERT_TRUE(last->has_value());
    ++sent;
  }
  for (int i = 0; i <= sent; ++i)
    ASSERT_EQ(world.await(receive(other))->bytes.size(), large.size()) << i;
  ASSERT_TRUE(world.run_until([&] { return last.has_value(); }));
  EXPECT_TRUE(last->has_value());
}

TEST_F(UnixSeqpacketTest, APeerWhoHasGoneIsAValueAndNoSignal) {
  std::optional<UnixSeqpacket> last(std::move(other));
  last.reset();
  EXPECT_EQ(world.await(send(one, "anybody?")), std::unexpected(Errno{EPIPE}));
  EXPECT_TRUE(world.await(receive(one))->is_end());
}

TEST_F(UnixSeqpacketTest, ASocketOfAnotherKindIsRefusedAtAPathAndNotThereByName) {
  const Folder folder;
  const auto path = Address::unix_path(folder.at("socket")).value();
  const auto of_path = UnixListener::bind(world.loop, path).value();
  const auto refused = world.await(UnixSeqpacket::connect(world.loop, path));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), Errno{EPROTOTYPE});

  const auto name =
      Address::unix_abstract("tocsin-kinds-" + std::to_string(LinuxKernel::shared().getpid()))
          .value();
  const auto of_name = UnixListener::bind(world.loop, name).value();
  EXPECT_TRUE(UnixSeqpacketListener::bind(world.loop, name)) << "a name for each kind";
  const auto absent = world.await(UnixSeqpacket::connect(world.loop, name));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error(), Errno{ECONNREFUSED});
}

// ---- cancellation -------------------------------------------------------------------------------

class SeqpacketScenario : public LoopScenario<> {
 protected:
  std::pair<UnixSeqpacket, UnixSeqpacket> ends_ = UnixSeqpacket::pair(loop()).value();
};

class Receives : public SeqpacketScenario {
 public:
  Receives() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await ends_.first.receive()) co_return;
  }
  void complete() override { EXPECT_TRUE(kernel.send(ends_.second.fd(), as_bytes("x"), 0)); }
};
TEST(UnixSeqpacketCancellation, Receive) { EXPECT_EQ(walk<Receives>(), 2); }

class Sends : public SeqpacketScenario {
 public:
  Sends() {
    while (kernel.send(ends_.first.fd(), as_bytes(std::string(10'000, 'f')), 0)) {
    }
    set_out();
  }
  Task<> line() override { static_cast<void>(co_await ends_.first.send(as_bytes("more"))); }
  void complete() override {
    std::array<std::byte, 8> room{};
    while (kernel.recv(ends_.second.fd(), room, 0)) {
    }
  }
};
TEST(UnixSeqpacketCancellation, Send) { EXPECT_EQ(walk<Sends>(), 1); }

}  // namespace
}  // namespace tocsin
