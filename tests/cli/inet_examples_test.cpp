// SPDX-License-Identifier: MIT
//
// The examples `workers`, `udp_batch` and `zero_copy_send`, started as programs.
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "serve_testing.hpp"

namespace tocsin {
namespace {

std::vector<std::string> example(const char* name, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), std::string(TOCSIN_BIN_DIR "/examples/") + name);
  return arguments;
}

class WorkersExample : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Ways, WorkersExample,
                         testing::Values("reuse_port", "exclusive", "hand_over"));

TEST_P(WorkersExample, EchoesAndSaysWhoHadHowMany) {
  Program program(example("workers", {"127.0.0.1:0", "2", GetParam()}));
  const std::string line = program.line();
  ASSERT_TRUE(line.starts_with("listening on 127.0.0.1:")) << line;
  const int port = std::stoi(line.substr(line.rfind(':') + 1));
  for (int i = 0; i < 10; ++i) {
    const RawClient client(port);
    client.send("hello");
    EXPECT_EQ(client.receive(), "hello");
  }
  program.signal(SIGTERM);
  const Said said = program.end();
  EXPECT_EQ(said.status, 0);
  const auto space = said.out.find(' ');
  ASSERT_NE(space, said.out.npos) << said.out;
  EXPECT_EQ(std::stoi(said.out) + std::stoi(said.out.substr(space)), 10) << said.out;
  EXPECT_TRUE(said.out.contains(" imbalance 0.")) << said.out;
  if (GetParam() == std::string("hand_over")) {
    EXPECT_TRUE(said.out.starts_with("5 5 ")) << said.out;
  }
}

TEST(UdpBatchExample, SaysWhatCameBackAndWhatDidNotArrive) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string there = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));

  Program program(example("udp_batch", {"127.0.0.1:0", there, "3"}));
  std::string received;
  for (int i = 0; i < 3; ++i) {
    char byte = 0;
    ASSERT_EQ(::recvfrom(fd, &byte, 1, 0, reinterpret_cast<sockaddr*>(&address), &size), 1);
    received += byte;
  }
  EXPECT_EQ(received, "012");
  EXPECT_EQ(::sendto(fd, "x", 1, 0, reinterpret_cast<sockaddr*>(&address), size), 1);
  const Said said = program.end();
  EXPECT_EQ(said.status, 0);
  EXPECT_EQ(said.out, "sent 3\n1 datagrams in a batch, the first from " + there + "\n");
  ::close(fd);

  const Said refused = Program(example("udp_batch", {"127.0.0.1:0", there, "1"})).end();
  EXPECT_EQ(refused.out, "sent 1\n" + there + ": Connection refused, says 127.0.0.1:0\n");
}

TEST(ZeroCopySendExample, SendsAllAndSaysWhatWasCopied) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(fd, 1), 0);
  ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  Program program(
      example("zero_copy_send", {"127.0.0.1:" + std::to_string(ntohs(address.sin_port))}));
  const int peer = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
  std::vector<char> room(1'000'000);
  std::size_t total = 0;
  for (ssize_t count; (count = ::read(peer, room.data(), room.size())) > 0;)
    total += static_cast<std::size_t>(count);
  EXPECT_EQ(total, std::size_t{64} * 1024 * 1024);
  const Said said = program.end();
  EXPECT_EQ(said.status, 0);
  EXPECT_TRUE(said.out.starts_with("64 sends of 1048576 bytes; the kernel copied ")) << said.out;
  ::close(peer);
  ::close(fd);
}

TEST(InetExamples, WithoutTheirArgumentsTheySayHowToUseThem) {
  for (const char* const name : {"workers", "udp_batch", "zero_copy_send"}) {
    const Said said = Program(example(name, {})).end();
    EXPECT_EQ(said.status, 2);
    EXPECT_TRUE(said.err.starts_with("usage: " + std::string(name))) << said.err;
  }
}

}  // namespace
}  // namespace tocsin
