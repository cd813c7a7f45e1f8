// SPDX-License-Identifier: MIT
//
// The example `resolve`, started as a program and told to ask a DNS server of the test's own.
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "serve_testing.hpp"
#include "tocsin/adapters/cares/dns_testing.hpp"

namespace tocsin {
namespace {

TEST(ResolveExample, PrintsTheAddressesOfANameAndSaysIfThereIsNone) {
  const std::string program = TOCSIN_BIN_DIR "/examples/resolve";
  if (!std::filesystem::exists(program)) GTEST_SKIP() << "there was no c-ares (libc-ares-dev)";
  const DnsServer server;
  if (!server.is_there()) GTEST_SKIP() << "there is no dnsmasq (dnsmasq-base)";

  const Said found = Program({program, "four.test", server.address()}).end();
  EXPECT_EQ(found.status, 0) << found.err;
  EXPECT_EQ(found.out, "127.0.0.1\n");

  const Said none = Program({program, "none.test", server.address()}).end();
  EXPECT_EQ(none.status, 1);
  EXPECT_EQ(none.err, "resolve: none.test: there is no such name\n");
}

}  // namespace
}  // namespace tocsin
