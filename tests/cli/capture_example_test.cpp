// SPDX-License-Identifier: MIT
//
// The example `capture`, started as a program in a network of the test's own.
#include <gtest/gtest.h>

#include "serve_testing.hpp"
#include "tocsin/kern/network_namespace_testing.hpp"
#include "tocsin/net/address.hpp"

namespace tocsin {
namespace {

TEST(CaptureExample, PrintsALineForEachFrame) {
  const NetworkNamespace network;
  ONLY_IN_OWN_NETWORK(network);
  Program capture({TOCSIN_BIN_DIR "/examples/capture", "lo"});
  EXPECT_EQ(capture.error_line(), "capturing");

  Kernel& kernel = LinuxKernel::shared();
  const Fd socket(kernel, kernel.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0).value());
  const Address any = Address::loopback(0);
  ASSERT_TRUE(kernel.bind(socket.get(), any.data(), any.size()));
  const Address to = local_address_of(kernel, socket.get()).value();
  ASSERT_TRUE(kernel.sendto(socket.get(), as_bytes("hello"), 0, to.data(), to.size()));

  const std::string rest = ": protocol 0x0800, 47 bytes, from 00:00:00:00:00:00";
  EXPECT_EQ(capture.line(), "lo outgoing" + rest);
  EXPECT_EQ(capture.line(), "lo to us" + rest);
  capture.signal(SIGINT);
  EXPECT_EQ(capture.end().status, 0);
}

TEST(CaptureExample, AnInterfaceThatIsNotThereIsAnError) {
  const Said said = Program({TOCSIN_BIN_DIR "/examples/capture", "no-such"}).end();
  EXPECT_EQ(said.status, 1);
  EXPECT_EQ(said.err, "capture: No such device\n");
}

}  // namespace
}  // namespace tocsin
