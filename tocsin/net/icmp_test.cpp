// SPDX-License-Identifier: MIT
#include "tocsin/net/icmp.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "tocsin/base/prng.hpp"

namespace tocsin {
namespace {

std::vector<std::byte> written(sa_family_t family, const IcmpEcho& echo) {
  std::vector<std::byte> bytes(IcmpEcho::header_size + echo.payload.size());
  write_echo(family, echo, bytes);
  return bytes;
}

TEST(IcmpTest, WhatIsWrittenIsReadAgain) {
  for (const sa_family_t family : {sa_family_t{AF_INET}, sa_family_t{AF_INET6}})
    for (const bool is_reply : {false, true}) {
      const auto bytes = written(family, {.is_reply = is_reply,
                                          .identifier = 0x1234,
                                          .sequence = 0xfffe,
                                          .payload = as_bytes("payload")});
      const auto read = parse_echo(family, bytes);
      ASSERT_TRUE(read);
      EXPECT_EQ(read->is_reply, is_reply);
      EXPECT_EQ(read->identifier, 0x1234);
      EXPECT_EQ(read->sequence, 0xfffe);
      EXPECT_EQ(as_text(read->payload), "payload");
    }
}

TEST(IcmpTest, AnEchoOfIcmpHoldsItsChecksum) {
  auto bytes = written(AF_INET, {.payload = as_bytes("odd")});
  EXPECT_EQ(internet_checksum(bytes), 0);
  bytes.back() ^= std::byte{1};
  EXPECT_NE(internet_checksum(bytes), 0);
}

TEST(IcmpTest, TheChecksumIsTheOneOfRfc1071) {
  const std::array<std::byte, 8> example{std::byte{0x00}, std::byte{0x01}, std::byte{0xf2},
                                         std::byte{0x03}, std::byte{0xf4}, std::byte{0xf5},
                                         std::byte{0xf6}, std::byte{0xf7}};
  EXPECT_EQ(internet_checksum(example), 0xffff - 0xddf2) << "section 3, \"Numerical Examples\"";
  EXPECT_EQ(internet_checksum({}), 0xffff);
}

TEST(IcmpTest, WhatIsCutShortOrNoEchoIsNotParsed) {
  const auto whole = written(AF_INET, {.payload = as_bytes("x")});
  for (std::size_t size = 0; size < IcmpEcho::header_size; ++size)
    EXPECT_FALSE(parse_echo(AF_INET, ByteView(whole).first(size))) << size;
  EXPECT_TRUE(parse_echo(AF_INET, ByteView(whole).first(IcmpEcho::header_size)));
  EXPECT_FALSE(parse_echo(AF_INET6, whole)) << "8 is no echo there";
  auto unreachable = whole;
  unreachable[0] = std::byte{3};
  EXPECT_FALSE(parse_echo(AF_INET, unreachable));
}

TEST(IcmpTest, APacketIsAsLongAsItsHeaderSaysAndNoLonger) {
  std::vector<std::byte> packet(24, std::byte{9});
  packet[0] = std::byte{0x45};
  packet[2] = std::byte{0};
  packet[3] = std::byte{22};
  EXPECT_EQ(payload_of_ipv4(packet)->size(), 2u) << "padding follows";
  packet[3] = std::byte{25};
  EXPECT_FALSE(payload_of_ipv4(packet)) << "more than there is";
  packet[3] = std::byte{19};
  EXPECT_FALSE(payload_of_ipv4(packet)) << "less than its header";
  packet[3] = std::byte{24};
  packet[0] = std::byte{0x44};
  EXPECT_FALSE(payload_of_ipv4(packet)) << "a header shorter than any";
  packet[0] = std::byte{0x47};
  EXPECT_FALSE(payload_of_ipv4(packet)) << "a header longer than the packet";
  packet[0] = std::byte{0x65};
  EXPECT_FALSE(payload_of_ipv4(packet)) << "another version";
}

// Nothing to expect but that what is found lies within what was given; ASan sees the rest.
TEST(IcmpTest, NoBytesLeadBeyondTheirEnd) {
  Prng random(20'260'801);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> bytes(random.below(48));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.next());
    if (!bytes.empty() && random.chance(1, 2))
      bytes[0] = static_cast<std::byte>(0x40 | random.below(16));
    if (bytes.size() > 3 && random.chance(1, 2)) {
      bytes[2] = std::byte{0};
      bytes[3] = static_cast<std::byte>(random.below(64));
    }
    const auto within = [&](ByteView part) {
      return part.empty() || (part.data() >= bytes.data() &&
                              part.data() + part.size() <= bytes.data() + bytes.size());
    };
    const auto inner = payload_of_ipv4(bytes);
    ASSERT_TRUE(!inner || within(*inner)) << round;
    for (const sa_family_t family : {sa_family_t{AF_INET}, sa_family_t{AF_INET6}}) {
      const auto echo = parse_echo(family, bytes);
      ASSERT_TRUE(!echo || within(echo->payload)) << round;
    }
  }
}

}  // namespace
}  // namespace tocsin
