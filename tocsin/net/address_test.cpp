// SPDX-License-Identifier: MIT
#include "tocsin/net/address.hpp"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/kern/fd.hpp"
#include "tocsin/kern/kernel_testing.hpp"

namespace tocsin {
namespace {

TEST(Address, IsWrittenAsItIsRead) {
  for (const std::string text : {"127.0.0.1:8080", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:80",
                                 "[::]:0", "[fe80::1%2]:443", "[2001:db8::17]:9",
                                 "unix:/run/a socket", "unix:relative", "unix:@name", "unix:@"}) {
    const auto address = Address::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->text(), text);
    EXPECT_EQ(Address::parse(address->text()), *address);
    EXPECT_EQ(Address::from(address->data(), address->size()), *address) << "through a system call";
  }
}

TEST(Address, WithoutAHostIsEveryAddressOfIt) {
  EXPECT_EQ(Address::parse(":8080"), Address::any(8080));
  EXPECT_EQ(Address::any(8080).text(), "0.0.0.0:8080");
  EXPECT_EQ(Address::loopback(7).text(), "127.0.0.1:7");
}

TEST(Address, IsAPortToo) {
  EXPECT_EQ(Address::parse("1.2.3.4:65535")->port(), 65535);
  EXPECT_EQ(Address::parse("[::1]:1")->port(), 1);
  EXPECT_EQ(Address::parse("unix:/a")->port(), 0);
}

TEST(Address, WhatIsNoneIsEinval) {
  const std::string long_path(108, 'p');
  const std::string nul("unix:/a\0b", 9);
  const std::string host_nul("127.0.0.1\0:80", 13);
  for (const std::string& text : {std::string(),
                                  std::string("127.0.0.1"),
                                  std::string("127.0.0.1:"),
                                  std::string("127.0.0.1:65536"),
                                  std::string("127.0.0.1:-1"),
                                  std::string("127.0.0.1:+1"),
                                  std::string("127.0.0.1: 1"),
                                  std::string("127.0.0.1:1 "),
                                  std::string("127.0.0.1:0x10"),
                                  std::string("127.0.0:80"),
                                  std::string("127.0.0.256:80"),
                                  std::string("127.0.0.01.5:80"),
                                  std::string("localhost:80"),
                                  std::string("::1:80"),
                                  std::string("[::1:80"),
                                  std::string("[::1]80"),
                                  std::string("[]:80"),
                                  std::string("[::g]:80"),
                                  std::string("[127.0.0.1]:80"),
                                  std::string("[fe80::1%eth0]:80"),
                                  std::string("[fe80::1%]:80"),
                                  std::string("unix:"),
                                  "unix:" + long_path,
                                  "unix:@" + long_path,
                                  nul,
                                  host_nul,
                                  std::string(200, '1') + ":80"}) {
    const auto address = Address::parse(text);
    ASSERT_FALSE(address) << text << " is " << address->text();
    EXPECT_EQ(address.error(), Errno::invalid);
  }
}

TEST(Address, AUnixPathMayBe107BytesLong) {
  const std::string path(107, 'p');
  const auto address = Address::unix_path(path);
  ASSERT_TRUE(address);
  EXPECT_EQ(address->path(), path);
  EXPECT_EQ(address->size(), sizeof(sockaddr_un));
}

TEST(Address, AnAbstractNameHasNoPathAndMayHoldAnything) {
  const std::string name("a\0b", 3);
  const auto address = Address::unix_abstract(name);
  ASSERT_TRUE(address);
  EXPECT_EQ(address->path(), "");
  EXPECT_EQ(address->text(), "unix:@" + name);
  EXPECT_NE(*address, *Address::unix_abstract("a"));
}

TEST(Address, EqualityIsOfThePlaceNotOfThePadding) {
  const auto one = Address::parse("10.0.0.1:80").value();
  EXPECT_NE(one, Address::parse("10.0.0.1:81").value());
  EXPECT_NE(one, Address::parse("10.0.0.2:80").value());
  EXPECT_NE(one, Address::parse("[::ffff:10.0.0.1]:80").value());
  EXPECT_NE(Address::parse("[fe80::1%1]:80").value(), Address::parse("[fe80::1%2]:80").value());
  EXPECT_NE(Address::parse("unix:a").value(), Address::parse("unix:@a").value());
  sockaddr_in padded{};
  std::ranges::fill(padded.sin_zero, static_cast<unsigned char>(0xff));
  padded.sin_family = AF_INET;
  padded.sin_port = htons(80);
  padded.sin_addr.s_addr = htonl(0x0a000001);
  EXPECT_EQ(one, Address::from(reinterpret_cast<const sockaddr*>(&padded), sizeof padded));
}

TEST(Address, ThatIsNoneHasNoFamily) {
  const Address none;
  EXPECT_EQ(none.family(), AF_UNSPEC);
  EXPECT_EQ(none.text(), "");
  EXPECT_EQ(none, Address());
}

TEST(Address, OfAHostIsMadeOfItsBytes) {
  const std::array<std::byte, 16> bytes{std::byte{127}, {}, {}, std::byte{1}};
  EXPECT_EQ(Address::ip(ByteView(bytes).first(4), 80), Address::loopback(80));
  EXPECT_EQ(Address::ip(bytes, 80)->text(), "[7f00:1::]:80");
  for (const unsigned size : {0u, 3u, 5u, 15u})
    EXPECT_EQ(Address::ip(ByteView(bytes).first(size), 80), std::unexpected(Errno::invalid));
}

TEST(Address, OfVsockIsAContextAndAPortOf32Bits) {
  const Address host = Address::vsock(VMADDR_CID_HOST, 4'000'000'000);
  EXPECT_EQ(host.text(), "vsock:2:4000000000");
  EXPECT_EQ(Address::parse(host.text()), host);
  EXPECT_EQ(host.family(), AF_VSOCK);
  EXPECT_EQ(host.vsock_cid(), 2u);
  EXPECT_EQ(host.vsock_port(), 4'000'000'000u);
  EXPECT_EQ(host.port(), 0);
  EXPECT_EQ(Address::parse("vsock::1")->vsock_cid(), VMADDR_CID_ANY);
  EXPECT_EQ(Address::parse("vsock::1")->text(), "vsock::1");
  EXPECT_EQ(Address::loopback(1).vsock_port(), 0u);
  for (const char* wrong : {"vsock:", "vsock:1", "vsock:x:1", "vsock:1:", "vsock:1:4294967296"})
    EXPECT_EQ(Address::parse(wrong), std::unexpected(Errno::invalid)) << wrong;
}

TEST(Address, HasAHostIfItIsOfTheInternet) {
  EXPECT_EQ(Address::parse("127.0.0.1:80")->host(), "127.0.0.1");
  EXPECT_EQ(Address::parse("[fe80::1%2]:80")->host(), "fe80::1%2");
  EXPECT_EQ(Address::parse("unix:/x")->host(), "");
  EXPECT_EQ(Address().host(), "");
}

TEST(Address, OfASocketIsWhereItIsBound) {
  Kernel& kernel = kernel_under_test();
  const Fd fd(kernel, kernel.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0).value());
  const auto where = Address::loopback(0);
  ASSERT_TRUE(kernel.bind(fd.get(), where.data(), where.size()));
  const auto bound = local_address_of(kernel, fd.get());
  ASSERT_TRUE(bound);
  EXPECT_NE(bound->port(), 0);
  EXPECT_EQ(*bound, Address::loopback(bound->port()));
  const auto peer = peer_address_of(kernel, fd.get());
  ASSERT_FALSE(peer);
  EXPECT_EQ(peer.error(), Errno{ENOTCONN});
}

TEST(Address, OfAnUnnamedUnixSocketHasNeitherPathNorName) {
  Kernel& kernel = kernel_under_test();
  const Fd fd(kernel, kernel.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0).value());
  const auto where = local_address_of(kernel, fd.get());
  ASSERT_TRUE(where);
  EXPECT_TRUE(where->is_unix());
  EXPECT_EQ(where->text(), "unix:");
}

}  // namespace
}  // namespace tocsin
