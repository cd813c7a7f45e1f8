// SPDX-License-Identifier: MIT
//
// The example `net_changes`, started as a program in a network of the test's own.
#include "serve_testing.hpp"
#include "tocsin/kern/network_namespace_testing.hpp"

namespace tocsin {
namespace {

/// Whether `wanted` is among the lines, up to `last` or the end.
bool says(const Program& program, const std::string& wanted, const std::string& last) {
  bool said = false;
  while (true) {
    const std::string line = program.line();
    said = said || line == wanted;
    if (line == last || line.empty()) return said;
  }
}

TEST(NetChangesExample, TellsWhatThereIsAndThenWhatHappens) {
  NetworkNamespace network;
  ONLY_IN_OWN_NETWORK(network);
  Program changes({TOCSIN_BIN_DIR "/examples/net_changes"});
  EXPECT_TRUE(says(changes, "present address 127.0.0.1/8 of interface 1", "dumped "));
  const std::string down = "changed link lo down 00:00:00:00:00:00";
  network.set_up("lo", false);
  EXPECT_TRUE(says(changes, down, down));
  changes.signal(SIGINT);
  EXPECT_EQ(changes.end().status, 0);
}

}  // namespace
}  // namespace tocsin
