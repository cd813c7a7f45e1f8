// SPDX-License-Identifier: MIT
//
// The example `proxy`, between clients and the example `echo`.
#include <signal.h>

#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "serve_testing.hpp"

namespace tocsin {
namespace {

std::string address_in(const std::string& line) { return line.substr(line.rfind(' ') + 1); }
int port_in(const std::string& line) { return std::stoi(line.substr(line.rfind(':') + 1)); }

TEST(ProxyExample, WhatIsSentComesBackThroughTwoSplices) {
  Program echo({TOCSIN_BIN_DIR "/examples/echo", "127.0.0.1:0"});
  Program proxy({TOCSIN_BIN_DIR "/examples/proxy", "127.0.0.1:0", address_in(echo.line())});
  const RawClient client(port_in(proxy.line()));
  ASSERT_TRUE(client.is_connected());
  const std::string& bytes = Site::large();
  std::jthread sends([&] {
    client.send(bytes);
    client.finish();
  });
  EXPECT_TRUE(client.receive_all() == bytes);
  const std::string said = ": " + std::to_string(bytes.size()) + " bytes by splice through a pipe";
  EXPECT_EQ(proxy.line(), "up" + said);
  EXPECT_EQ(proxy.line(), "down" + said);
  proxy.signal(SIGTERM);
  EXPECT_EQ(proxy.end().status, 0);
}

TEST(ProxyExample, ATargetThatIsNotThereEndsTheConnectionOnly) {
  Program proxy({TOCSIN_BIN_DIR "/examples/proxy", "127.0.0.1:0", "127.0.0.1:1"});
  const int port = port_in(proxy.line());
  for (int i = 0; i < 2; ++i) EXPECT_EQ(RawClient(port).receive_all(), "");
}

TEST(ProxyExample, WithoutItsArgumentsItSaysHowToUseIt) {
  const Said said = Program({TOCSIN_BIN_DIR "/examples/proxy"}).end();
  EXPECT_EQ(said.status, 2);
  EXPECT_EQ(said.err, "usage: proxy HOST:PORT TARGET:PORT\n");
}

}  // namespace
}  // namespace tocsin
