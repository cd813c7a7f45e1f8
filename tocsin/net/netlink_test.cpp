// SPDX-License-Identifier: MIT
//
// The parsers on bytes made here: what the kernel would send, with lengths that lie, and plain
// nonsense. That nothing is read beyond its end is AddressSanitizer's to see: each input lies in
// memory of exactly its size.
#include "tocsin/net/netlink.hpp"

#include <linux/rtnetlink.h>

#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/base/prng.hpp"
#include "tocsin/net/route_message.hpp"
#include "tocsin/net/uevents.hpp"

namespace tocsin {
namespace {

using Bytes = std::vector<std::byte>;

template <class T>
void append(Bytes& bytes, const T& value) {
  const auto raw = std::as_bytes(std::span(&value, 1));
  bytes.insert(bytes.end(), raw.begin(), raw.end());
}
void pad(Bytes& bytes) { bytes.resize((bytes.size() + 3) & ~std::size_t{3}); }

Bytes attribute(unsigned type, ByteView value) {
  Bytes bytes;
  append(bytes, nlattr{.nla_len = static_cast<std::uint16_t>(sizeof(nlattr) + value.size()),
                       .nla_type = static_cast<std::uint16_t>(type)});
  bytes.insert(bytes.end(), value.begin(), value.end());
  pad(bytes);
  return bytes;
}
Bytes number(unsigned type, std::uint32_t value) {
  return attribute(type, std::as_bytes(std::span(&value, 1)));
}
Bytes text(unsigned type, std::string_view value) {
  return attribute(type, as_bytes(std::string(value) + '\0'));
}

template <class Header>
Bytes message(std::uint16_t type, const Header& header, const std::vector<Bytes>& attributes) {
  Bytes payload;
  append(payload, header);
  pad(payload);
  for (const Bytes& one : attributes) payload.insert(payload.end(), one.begin(), one.end());
  Bytes bytes;
  append(bytes, nlmsghdr{.nlmsg_len = static_cast<std::uint32_t>(sizeof(nlmsghdr) + payload.size()),
                         .nlmsg_type = type,
                         .nlmsg_flags = 0,
                         .nlmsg_seq = 7,
                         .nlmsg_pid = 0});
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

Bytes link_message(std::uint8_t family = AF_UNSPEC) {
  const Bytes address(6, std::byte{2});
  return message(
      RTM_NEWLINK,
      ifinfomsg{.ifi_family = family,
                .__ifi_pad = 0,
                .ifi_type = 1,
                .ifi_index = 3,
                .ifi_flags = IFF_UP,
                .ifi_change = 0},
      {text(IFLA_IFNAME, "eth0"), number(IFLA_MTU, 1'500), attribute(IFLA_ADDRESS, address),
       attribute(IFLA_LINKINFO | NLA_F_NESTED, text(IFLA_INFO_KIND, "veth"))});
}

std::optional<RouteEvent> parsed(ByteView bytes) {
  const auto one = take_message(bytes);
  return one ? parse_route_message(*one) : std::nullopt;
}

TEST(NetlinkTest, MessagesAreTakenOneAfterTheOther) {
  Bytes both = link_message();
  const std::size_t first = both.size();
  append(both, nlmsghdr{.nlmsg_len = 16,
                        .nlmsg_type = NLMSG_DONE,
                        .nlmsg_flags = NLM_F_MULTI,
                        .nlmsg_seq = 9,
                        .nlmsg_pid = 0});
  ByteView rest = both;
  const auto one = take_message(rest);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->type, RTM_NEWLINK);
  EXPECT_EQ(one->sequence, 7u);
  EXPECT_EQ(one->payload.size(), first - 16);
  const auto other = take_message(rest);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->type, NLMSG_DONE);
  EXPECT_EQ(other->flags, NLM_F_MULTI);
  EXPECT_TRUE(other->payload.empty());
  EXPECT_FALSE(take_message(rest));
  EXPECT_TRUE(rest.empty()) << "that was the end";
}

TEST(NetlinkTest, ALengthThatLiesIsTheEndAndLeavesARest) {
  for (const std::uint32_t length : {0u, 1u, 15u, 17u, 20u, 0x7fffffffu, 0xffffffffu}) {
    Bytes bytes;
    append(bytes, nlmsghdr{.nlmsg_len = length,
                           .nlmsg_type = RTM_NEWLINK,
                           .nlmsg_flags = 0,
                           .nlmsg_seq = 0,
                           .nlmsg_pid = 0});
    ByteView rest = bytes;
    EXPECT_FALSE(take_message(rest)) << length;
    EXPECT_EQ(rest.size(), 16u);
  }
  for (const unsigned length : {0u, 3u, 5u, 0xffffu}) {
    Bytes bytes;
    append(bytes, nlattr{.nla_len = static_cast<std::uint16_t>(length), .nla_type = 1});
    ByteView rest = bytes;
    EXPECT_FALSE(take_attribute(rest)) << length;
  }
}

TEST(RouteMessageTest, ALinkIsWhatItsAttributesSay) {
  const auto event = parsed(link_message());
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, RouteEvent::Kind::changed);
  const auto& link = std::get<Link>(event->what);
  EXPECT_EQ(link.index, 3u);
  EXPECT_EQ(link.name, "eth0");
  EXPECT_EQ(link.mtu, 1'500u);
  EXPECT_EQ(link.address.text(), "02:02:02:02:02:02");
  EXPECT_EQ(link.kind, "veth");
  EXPECT_EQ(link.hardware_type, 1);
  EXPECT_TRUE(link.is_up());
  EXPECT_FALSE(link.is_running());
}

TEST(RouteMessageTest, WhatABridgeSaysOfItsPortsIsNotOfTheLink) {
  EXPECT_FALSE(parsed(link_message(AF_BRIDGE)));
}

TEST(RouteMessageTest, AnAddressOfAPointToPointLinkHasAPeer) {
  const ifaddrmsg header{.ifa_family = AF_INET,
                         .ifa_prefixlen = 24,
                         .ifa_flags = 0,
                         .ifa_scope = RT_SCOPE_UNIVERSE,
                         .ifa_index = 5};
  const std::array own{std::byte{10}, std::byte{0}, std::byte{0}, std::byte{1}};
  const std::array peer{std::byte{10}, std::byte{0}, std::byte{0}, std::byte{2}};
  const auto of = [&](const std::vector<Bytes>& attributes) {
    return std::get<InterfaceAddress>(parsed(message(RTM_DELADDR, header, attributes))->what);
  };
  const auto both = of({attribute(IFA_ADDRESS, peer), attribute(IFA_LOCAL, own)});
  EXPECT_EQ(both.address.host(), "10.0.0.1");
  EXPECT_EQ(both.peer.host(), "10.0.0.2");
  const auto same = of({attribute(IFA_ADDRESS, own), attribute(IFA_LOCAL, own)});
  EXPECT_EQ(same.address.host(), "10.0.0.1");
  EXPECT_EQ(same.peer, Address());
  EXPECT_EQ(of({attribute(IFA_ADDRESS, own)}).address.host(), "10.0.0.1") << "as IPv6 says it";
  EXPECT_EQ(of({attribute(IFA_LOCAL, ByteView(own).first(3))}).address, Address());
  EXPECT_EQ(of({number(IFA_FLAGS, 0x300)}).flags, 0x300u) << "more than fit into the header";
}

TEST(RouteMessageTest, ARouteWithoutADestinationIsTheDefault) {
  rtmsg header{};
  header.rtm_family = AF_INET;
  header.rtm_table = RT_TABLE_MAIN;
  const std::array gateway{std::byte{10}, std::byte{0}, std::byte{0}, std::byte{1}};
  const auto event = parsed(
      message(RTM_DELROUTE, header,
              {attribute(RTA_GATEWAY, gateway), number(RTA_OIF, 4), number(RTA_PRIORITY, 100)}));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, RouteEvent::Kind::removed);
  const auto& route = std::get<Route>(event->what);
  EXPECT_EQ(route.destination, Address());
  EXPECT_EQ(route.gateway.host(), "10.0.0.1");
  EXPECT_EQ(route.interface, 4u);
  EXPECT_EQ(route.priority, 100u);
  EXPECT_EQ(route.table, std::uint32_t{RT_TABLE_MAIN});
}

TEST(UeventTest, IsAnActionADeviceAndValues) {
  using namespace std::string_view_literals;
  const auto event = parse_uevent(
      as_bytes("add@/devices/virtual/net/tun0\0ACTION=add\0SUBSYSTEM=net\0nonsense\0EMPTY=\0A=b=c\0"
               "SEQNUM=42\0CUT=of"sv));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->action, Uevent::Action::add);
  EXPECT_EQ(event->device, "/devices/virtual/net/tun0");
  EXPECT_EQ(event->subsystem, "net");
  EXPECT_EQ(event->sequence, 42u);
  EXPECT_EQ(event->value("A"), "b=c");
  EXPECT_EQ(event->value("EMPTY"), "");
  EXPECT_EQ(event->value("CUT"), "");
  EXPECT_EQ(event->values.size(), 5u);
}

TEST(UeventTest, AnActionOfALaterKernelIsUnknownAndNoEventIsNone) {
  using namespace std::string_view_literals;
  EXPECT_EQ(parse_uevent(as_bytes("shrug@/x\0"sv))->action, Uevent::Action::unknown);
  EXPECT_EQ(parse_uevent(as_bytes("unbind@/x\0"sv))->action, Uevent::Action::unbind);
  EXPECT_FALSE(parse_uevent(as_bytes("libudev\0\xfe\xed"sv)));
  EXPECT_FALSE(parse_uevent(as_bytes("add@/cut-short"sv)));
  EXPECT_FALSE(parse_uevent({}));
}

// Each message is damaged in a few bytes, or cut short, or both; what comes of it is of no matter.
TEST(NetlinkFuzzTest, WhateverTheBytesAreTheParsersStayWithinThem) {
  Prng random(20'260'802);
  ifaddrmsg address{};
  address.ifa_family = AF_INET6;
  rtmsg route{};
  route.rtm_family = AF_INET6;
  const Bytes value(16, std::byte{1});
  const std::vector<Bytes> seeds{
      link_message(), message(RTM_NEWADDR, address, {attribute(IFA_ADDRESS, value)}),
      message(RTM_NEWROUTE, route, {attribute(RTA_DST, value), number(RTA_OIF, 1)})};
  for (int round = 0; round < 30'000; ++round) {
    Bytes bytes = seeds[random.below(seeds.size())];
    for (std::uint64_t damage = random.below(6); damage > 0; --damage)
      bytes[random.below(bytes.size())] = static_cast<std::byte>(random.next());
    if (random.chance(1, 2)) bytes.resize(random.below(bytes.size()));
    bytes.shrink_to_fit();
    ByteView rest = bytes;
    std::size_t before = rest.size() + 1;
    while (const auto one = take_message(rest)) {
      ASSERT_LT(rest.size(), before) << "it would never end; round " << round;
      before = rest.size();
      static_cast<void>(parse_route_message(*one));
    }
    static_cast<void>(parse_uevent(bytes));
  }
}

}  // namespace
}  // namespace tocsin
