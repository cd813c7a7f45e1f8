// SPDX-License-Identifier: MIT
//
// DnsServer: dnsmasq at a free port of the loopback, which knows a few names; gone at the end.
// PlayedServer: a socket to which questions come, and that answers as the test wants it to.
//
// Thread rule: one thread.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/daemon_testing.hpp"
#include "tocsin/kern/kernel_testing.hpp"
#include "tocsin/net/address.hpp"

namespace tocsin {

class PlayedServer {
 public:
  explicit PlayedServer(int flags = 0)
      : fd_(real(), real().socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | flags, 0).value()) {
    const Address any = Address::loopback(0);
    EXPECT_TRUE(real().bind(fd_.get(), any.data(), any.size()));
  }

  /// For ResolverOptions::servers.
  std::string address() const { return local_address_of(real(), fd_.get()).value().text(); }
  int fd() const { return fd_.get(); }

  /// The next question, which has come or will; empty if it is not blocking and there is none.
  std::string question() {
    std::string packet(512, '\0');
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const auto count = real().recvfrom(fd_.get(), std::as_writable_bytes(std::span(packet)), 0,
                                       reinterpret_cast<sockaddr*>(&from), &size);
    packet.resize(count.value_or(0));
    if (count) asker_ = Address::from(reinterpret_cast<const sockaddr*>(&from), size);
    return packet;
  }
  /// RFC 1035, section 4.1.2: behind the name, its type and class end the packet.
  static bool asks_for_ipv6(std::string_view question) {
    return question.size() > 4 && question[question.size() - 3] == 28;
  }
  /// "There is no such name": the question with two bits of it changed.
  void deny(std::string question) {
    question[2] = static_cast<char>(question[2] | 0x80);  // QR
    question[3] = 3;                                      // NXDOMAIN
    send(question);
  }
  /// 127.0.0.1 is the address.
  void answer(std::string question) {
    question[2] = static_cast<char>(question[2] | 0x80);
    question[7] = 1;  // One answer: a pointer to the name, A, IN, an hour, four bytes.
    question.append("\xc0\x0c\0\1\0\1\0\0\x0e\x10\0\4\x7f\0\0\1", 16);
    send(question);
  }

 private:
  static Kernel& real() { return LinuxKernel::shared(); }
  void send(const std::string& packet) {
    EXPECT_TRUE(real().sendto(fd_.get(), as_bytes(packet), 0, asker_.data(), asker_.size()));
  }

  Fd fd_;
  Address asker_;
};

class DnsServer {
 public:
  /// Knows two.test (127.0.0.1 and ::1), four.test (127.0.0.1), and that there is nothing else in
  /// test. `is_there` tells whether it could be started.
  DnsServer() {
    for (int attempts = 0; attempts < 3 && pid_ < 0; ++attempts) start();
  }
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;
  ~DnsServer() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  bool is_there() const { return pid_ >= 0; }
  /// For ResolverOptions::servers.
  const std::string& address() const { return address_; }

 private:
  void start() {
    address_ = PlayedServer().address();  // A port that was free a moment ago.
    const std::string port = address_.substr(address_.find(':') + 1);
    std::vector<std::string> words{"/usr/sbin/dnsmasq",
                                   "--keep-in-foreground",
                                   "--conf-file=/dev/null",
                                   "--no-resolv",
                                   "--no-hosts",
                                   "--pid-file",
                                   "--bind-interfaces",
                                   "--listen-address=127.0.0.1",
                                   "--port=" + port,
                                   "--log-facility=-",
                                   "--local=/test/",
                                   "--host-record=two.test,127.0.0.1,::1",
                                   "--host-record=four.test,127.0.0.1"};
    if (::getuid() == 0) words.insert(words.end(), {"--user=root", "--group=root"});
    pid_ = start_daemon(std::move(words), "started").pid;
  }

  pid_t pid_ = -1;
  std::string address_;
};

}  // namespace tocsin
