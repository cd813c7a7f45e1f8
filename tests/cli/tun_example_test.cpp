// SPDX-License-Identifier: MIT
//
// The example `tun`, pinged by the example `ping`, in a network of the test's own.
#include "serve_testing.hpp"
#include "tocsin/kern/network_namespace_testing.hpp"

namespace tocsin {
namespace {

TEST(TunExample, WhateverIsBehindTheInterfaceAnswersAPing) {
  NetworkNamespace network;
  ONLY_IN_OWN_NETWORK(network);
  Program tun({TOCSIN_BIN_DIR "/examples/tun"});
  const std::string interface = tun.line();
  ASSERT_EQ(interface, "tun0") << tun.end().err;
  network.set_address("tun0", "10.9.8.1", 24);
  network.set_up("tun0");
  const Said ping = Program({TOCSIN_BIN_DIR "/examples/ping", "10.9.8.7", "1"}).end();
  EXPECT_NE(ping.out.find("56 bytes, sequence 1, "), std::string::npos) << ping.out << ping.err;
  tun.signal(SIGINT);
  EXPECT_EQ(tun.end().status, 0);
}

}  // namespace
}  // namespace tocsin
