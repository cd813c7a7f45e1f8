// SPDX-License-Identifier: MIT
#include "tocsin/adapters/sdbus/message.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <systemd/sd-bus.h>

#include "tocsin/adapters/sdbus/peers_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin::sdbus {
namespace {

class MessageTest : public testing::Test {
 protected:
  /// Nothing can be read of a message that is not sealed, as it is when it is sent.
  static void seal(const Message& message) {
    ASSERT_GE(sd_bus_message_seal(message.native(), 1, 0), 0);
  }

  LoopWorld world_;
  Peers peers_;
  Bus bus_ = Bus::adopt(world_.loop, peers_.started());
  Message message_ = bus_.method_call("", "/object", "test.Service", "Member").value();
};

TEST_F(MessageTest, WhatIsAppendedIsRead) {
  const std::vector<std::string> words{"a", "", "c"};
  ASSERT_TRUE(message_.append(true, std::uint8_t{8}, std::int16_t{-16}, std::uint16_t{16}, -32, 32u,
                              std::int64_t{-64}, std::uint64_t{64}, 0.5));
  ASSERT_TRUE(message_.append("text", std::string("more"), words));
  seal(message_);
  EXPECT_EQ(message_.signature(), "bynqiuxtdssas");

  bool flag = false;
  std::uint8_t u8 = 0;
  std::int16_t i16 = 0;
  std::uint16_t u16 = 0;
  std::int32_t i32 = 0;
  std::uint32_t u32 = 0;
  std::int64_t i64 = 0;
  std::uint64_t u64 = 0;
  double real = 0;
  std::string text;
  std::string more;
  std::vector<std::string> list{"what was there before"};
  ASSERT_TRUE(message_.read(flag, u8, i16, u16, i32, u32, i64, u64, real, text, more, list));
  EXPECT_TRUE(flag);
  EXPECT_EQ(u8, 8);
  EXPECT_EQ(i16, -16);
  EXPECT_EQ(u16, 16);
  EXPECT_EQ(i32, -32);
  EXPECT_EQ(u32, 32u);
  EXPECT_EQ(i64, -64);
  EXPECT_EQ(u64, 64u);
  EXPECT_EQ(real, 0.5);
  EXPECT_EQ(text, "text");
  EXPECT_EQ(more, "more");
  EXPECT_EQ(list, words);
}

TEST_F(MessageTest, ReadingBeginsAtTheFirstValueEachTime) {
  ASSERT_TRUE(message_.append("text", 1));
  seal(message_);
  for (int i = 0; i < 2; ++i) {
    std::string text;
    ASSERT_TRUE(message_.read(text));
    EXPECT_EQ(text, "text");
  }
}

TEST_F(MessageTest, OtherTypesThanThereAreIsEnxio) {
  ASSERT_TRUE(message_.append("text"));
  seal(message_);
  std::int32_t number = 0;
  std::string text;
  std::vector<std::string> list;
  EXPECT_EQ(message_.read(number).error(), Errno{ENXIO});
  EXPECT_EQ(message_.read(list).error(), Errno{ENXIO});
  EXPECT_EQ(message_.read(text, text).error(), Errno{ENXIO}) << "there is one";
  EXPECT_TRUE(message_.read(text)) << "a failure spoils nothing";
}

TEST_F(MessageTest, ObjectPathsAreReadAsStrings) {
  ASSERT_GE(sd_bus_message_append(message_.native(), "og", "/path", "as"), 0);
  seal(message_);
  std::string path;
  std::string signature;
  ASSERT_TRUE(message_.read(path, signature));
  EXPECT_EQ(path, "/path");
  EXPECT_EQ(signature, "as");
}

TEST_F(MessageTest, WhatWasSentIsNotWrittenAnyMore) {
  seal(message_);
  EXPECT_EQ(message_.append(1).error(), Errno{EPERM});
}

TEST_F(MessageTest, ItSaysWhatItsHeaderSays) {
  EXPECT_EQ(message_.path(), "/object");
  EXPECT_EQ(message_.interface(), "test.Service");
  EXPECT_EQ(message_.member(), "Member");
  EXPECT_EQ(message_.sender(), "");
  EXPECT_EQ(bus_.method_call("", "no path", "", "Member").error().number(), Errno::invalid);
  EXPECT_EQ(bus_.signal("/path", "", "Member").error().number(), Errno::invalid);
}

}  // namespace
}  // namespace tocsin::sdbus
