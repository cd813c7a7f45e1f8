// SPDX-License-Identifier: MIT
//
// The example `ping`, started as a program in a network of the test's own.
#include "serve_testing.hpp"
#include "tocsin/kern/network_namespace_testing.hpp"

namespace tocsin {
namespace {

const char* const program = TOCSIN_BIN_DIR "/examples/ping";

TEST(PingExample, TellsTheRoundTripOfEachEcho) {
  NetworkNamespace network;
  ONLY_IN_OWN_NETWORK(network);
  const Said raw = Program({program, "127.0.0.1", "1"}).end();
  EXPECT_EQ(raw.status, 0) << raw.err;
  EXPECT_TRUE(raw.out.starts_with("ping 127.0.0.1, by a raw socket\n56 bytes, sequence 1, "));
  if (!NetworkNamespace::has_ipv6()) GTEST_SKIP() << "the rest needs IPv6";
  network.set_sysctl("ipv4/ping_group_range", "0 2147483647");
  const Said datagram = Program({program, "::1", "1"}).end();
  EXPECT_EQ(datagram.status, 0) << datagram.err;
  EXPECT_TRUE(datagram.out.starts_with("ping ::1, by a datagram socket\n56 bytes, sequence 1, "));
}

TEST(PingExample, AHostWithoutARouteIsAnError) {
  const NetworkNamespace network;
  ONLY_IN_OWN_NETWORK(network);
  const Said said = Program({program, "192.0.2.1"}).end();
  EXPECT_EQ(said.status, 1);
  EXPECT_EQ(said.err, "ping: Network is unreachable\n");
}

TEST(PingExample, WithoutAnAddressItSaysHowToUseIt) {
  const Said said = Program({program, "localhost"}).end();
  EXPECT_EQ(said.status, 2);
  EXPECT_EQ(said.err, "usage: ping ADDRESS [COUNT]\n");
}

}  // namespace
}  // namespace tocsin
