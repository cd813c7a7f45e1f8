// SPDX-License-Identifier: MIT
//
// PipeBuffer alone: which bytes share a slot, and when one becomes free.
#include "tocsin/vkern/pipe_buffer.hpp"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace tocsin::vkern {
namespace {

std::size_t put(PipeBuffer& buffer, std::string_view text, bool is_packet = false) {
  if (buffer.merges(text.size())) return buffer.merge(as_bytes(text));
  return buffer.append(as_bytes(text), is_packet);
}

std::string take(PipeBuffer& buffer, std::size_t most) {
  std::string into(most, ' ');
  into.resize(buffer.take(std::as_writable_bytes(std::span(into))).count);
  return into;
}

TEST(PipeBuffer, BytesComeOutAsTheyWentIn) {
  PipeBuffer buffer(4);
  EXPECT_EQ(put(buffer, "abc"), 3U);
  EXPECT_EQ(put(buffer, "defg"), 4U);
  EXPECT_EQ(buffer.bytes(), 7U);
  EXPECT_EQ(take(buffer, 2), "ab");
  EXPECT_EQ(put(buffer, "h"), 1U);
  EXPECT_EQ(take(buffer, 100), "cdefgh");
  EXPECT_TRUE(buffer.empty());
}

// What was read of a slot is not free before all of it was.
TEST(PipeBuffer, WhatWasReadStillTakesItsPlaceInTheSlot) {
  PipeBuffer buffer(2);
  put(buffer, std::string(4000, 'a'));
  EXPECT_EQ(take(buffer, 3999).size(), 3999U);
  EXPECT_TRUE(buffer.merges(96));
  EXPECT_FALSE(buffer.merges(97));
}

TEST(PipeBuffer, WholePagesNeverMerge) {
  PipeBuffer buffer(4);
  EXPECT_FALSE(buffer.merges(1)) << "there is nothing to merge with";
  put(buffer, "a");
  EXPECT_FALSE(buffer.merges(4096));
  EXPECT_FALSE(buffer.merges(0));
  EXPECT_TRUE(buffer.merges(4097)) << "one byte of it does";
}

TEST(PipeBuffer, APacketStaysAlone) {
  PipeBuffer buffer(4);
  put(buffer, "stream");
  EXPECT_EQ(buffer.append(as_bytes("packet"), true), 6U);
  EXPECT_FALSE(buffer.merges(1));
  buffer.append(as_bytes("next"), true);
  EXPECT_EQ(take(buffer, 9), "streampac") << "the rest of the packet is lost";
  EXPECT_EQ(take(buffer, 100), "next");
}

TEST(PipeBuffer, MakesRoomWhenASlotOfAFullOneBecomesFree) {
  PipeBuffer buffer(2);
  std::array<std::byte, 4096> into;
  put(buffer, std::string(4096, 'a'));
  EXPECT_EQ(buffer.append(as_bytes(std::string(4096, 'b')), false), 4096U);
  EXPECT_TRUE(buffer.full());
  EXPECT_FALSE(buffer.take(std::span(into).first(1)).made_room);
  EXPECT_TRUE(buffer.take(std::span(into).first(4095)).made_room);
  EXPECT_FALSE(buffer.take(into).made_room) << "it was not full any more";
}

TEST(PipeBuffer, ShrinksToWhatIsInUseAtMost) {
  PipeBuffer buffer(4);
  put(buffer, std::string(4096, 'a'));
  put(buffer, std::string(4096, 'b'));
  EXPECT_FALSE(buffer.resize(1));
  EXPECT_EQ(buffer.slots(), 4U);
  EXPECT_TRUE(buffer.resize(2));
  EXPECT_TRUE(buffer.full());
  buffer.reset(3);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.slots(), 3U);
}

}  // namespace
}  // namespace tocsin::vkern
