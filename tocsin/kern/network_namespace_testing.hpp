// SPDX-License-Identifier: MIT
//
// NetworkNamespace: a network of its own for a test, with nothing in it but its loopback.
//
//     test ──> [ NetworkNamespace ] ──> unshare(2), setns(2) ──> sockets, programs of the test
//
// What the test does to interfaces, addresses and routes the machine never sees, and it is gone
// with the last descriptor into it (network_namespaces(7)). A program that the test starts while
// the object lives is in the same network.
//
// Ownership: it holds the way back. Thread rule: the thread that made it, which alone is moved.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/kern/fd.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin {

class NetworkNamespace {
 public:
  /// Moves this thread. If that is forbidden, the test has to be skipped: `why_not` says why.
  NetworkNamespace() {
    Kernel& kernel = LinuxKernel::shared();
    const int flags = O_RDONLY | O_CLOEXEC;
    before_ = Fd(kernel, kernel.openat(AT_FDCWD, "/proc/thread-self/ns/net", flags, 0).value());
    if (::unshare(CLONE_NEWNET) != 0) {
      why_not_ =
          std::string("needs CAP_SYS_ADMIN for a network of its own: ").append(Errno{errno}.name());
      return;
    }
    set_up("lo");
  }
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;
  ~NetworkNamespace() {
    if (!why_not_.empty()) return;
    EXPECT_EQ(::setns(before_.get(), CLONE_NEWNET), 0);
  }

  /// Empty if the thread is in a network of its own.
  const std::string& why_not() const { return why_not_; }

  /// As `ip link set NAME up` (or down).
  void set_up(const char* name, bool up = true) {
    ifreq request = request_for(name);
    request.ifr_flags = up ? IFF_UP : 0;
    ask(SIOCSIFFLAGS, request);
  }

  /// As `ip address add ADDRESS/LENGTH dev NAME`.
  void set_address(const char* name, const char* address, unsigned length) {
    ifreq request = request_for(name);
    request.ifr_addr = inet(::inet_addr(address));
    ask(SIOCSIFADDR, request);
    request.ifr_netmask = inet(htonl(~0u << (32 - length)));
    ask(SIOCSIFNETMASK, request);
  }

  /// Of this network alone: `name` as "ipv4/ping_group_range".
  void set_sysctl(const std::string& name, std::string_view value) {
    Kernel& kernel = LinuxKernel::shared();
    const std::string path = "/proc/sys/net/" + name;
    const Fd file(kernel, kernel.openat(AT_FDCWD, path.c_str(), O_WRONLY | O_CLOEXEC, 0).value());
    EXPECT_EQ(kernel.write(file.get(), as_bytes(value)), Count(value.size())) << name;
  }

  /// Whether this kernel has IPv6, and ::1 here.
  static bool has_ipv6() { return ::access("/proc/sys/net/ipv6", F_OK) == 0; }

  /// No IPv6 on interfaces that are made from here on: it sends a word now and then by itself.
  void keep_ipv6_quiet() {
    if (has_ipv6()) set_sysctl("ipv6/conf/default/disable_ipv6", "1");
  }

 private:
  static ifreq request_for(const std::string& name) {
    ifreq request{};
    std::ranges::copy(name, request.ifr_name);
    return request;
  }
  static sockaddr inet(in_addr_t host) {
    sockaddr address{};
    auto& v4 = reinterpret_cast<sockaddr_in&>(address);
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = host;
    return address;
  }
  static void ask(unsigned long request, ifreq& argument) {
    Kernel& kernel = LinuxKernel::shared();
    const Fd any(kernel, kernel.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0).value());
    EXPECT_TRUE(kernel.ioctl(any.get(), request, &argument)) << request << argument.ifr_name;
  }

  Fd before_;
  std::string why_not_;
};

}  // namespace tocsin

/// Skips the test unless `network` is one of its own.
#define ONLY_IN_OWN_NETWORK(network) \
  if (!(network).why_not().empty()) GTEST_SKIP() << (network).why_not()
