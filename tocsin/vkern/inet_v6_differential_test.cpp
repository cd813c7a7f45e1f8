// SPDX-License-Identifier: MIT
//
// Sockets of IPv6, held against the running Linux: what can be bound, beside what; who reaches
// whom, and under which names.
//
// Method: each matrix (every address as this with every address as that) is gone through on both
// kernels, and written down line by line; the lines have to be the same. No line has a port in it,
// because the kernels number them differently.
#include <sched.h>

#include <array>

#include "tocsin/kern/fd.hpp"
#include "tocsin/kern/kernel_testing.hpp"
#include "tocsin/vkern/inet_testing.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::array types{SOCK_STREAM, SOCK_DGRAM};
constexpr std::array hosts{
    "::",  "::1",     "::ffff:127.0.0.1", "::ffff:127.0.0.2", "::ffff:0.0.0.0", "::ffff:10.9.8.7",
    "::2", "fe80::1", "::127.0.0.1"};

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// IPv4 if there is no colon in it.
Address address_of(const std::string& host, std::uint16_t port) {
  Address made;
  if (host.find(':') == host.npos) {
    const sockaddr_in v4 = at(port, ntohl(inet_addr(host.c_str())));
    std::memcpy(&made.storage, &v4, made.length = sizeof v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    EXPECT_EQ(inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr), 1) << host;
    std::memcpy(&made.storage, &v6, made.length = sizeof v6);
  }
  return made;
}

// The address without its port, but for whether there is one.
std::string text_of(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address.storage, sizeof v6);
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return std::string(text.data()) + (v6.sin6_port != 0 ? " port" : " none");
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &address.storage, sizeof v4);
  inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  return std::string(text.data()) + (v4.sin_port != 0 ? " port" : " none");
}

/// One kernel, and what it was seen to do.
class Seen {
 public:
  explicit Seen(Kernel& kernel) : kernel_(kernel) {}
  ~Seen() { close_all(); }
  Seen(const Seen&) = delete;
  Seen& operator=(const Seen&) = delete;

  std::string bindings();
  std::string conflicts();
  std::string connections();
  std::string datagrams();
  std::string preferences();
  std::string options();
  std::string lengths();

 private:
  int socket(int domain, int type, bool v6_only = false) {
    const int fd = *kernel_.socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    open_.push_back(fd);
    if (v6_only) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    return fd;
  }
  void close_all() {
    for (const int fd : open_) static_cast<void>(kernel_.close(fd));
    open_.clear();
  }
  Result<> set(int fd, int level, int name, int value) {
    return kernel_.setsockopt(fd, level, name, &value, sizeof value);
  }
  Result<> bind(int fd, const std::string& host, std::uint16_t port = 0) {
    const Address address = address_of(host, port);
    return kernel_.bind(fd, address.get(), address.length);
  }
  Result<> connect(int fd, const std::string& host, std::uint16_t port) {
    const Address address = address_of(host, port);
    return kernel_.connect(fd, address.get(), address.length);
  }
  std::uint16_t port_of(int fd) {
    sockaddr_in6 address{};
    socklen_t length = sizeof address;
    EXPECT_TRUE(kernel_.getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length));
    return ntohs(address.sin6_port);  // Where IPv4 has it as well.
  }
  /// A line of what was asked for and how it went.
  template <class... Parts>
  void say(const Parts&... parts) {
    ((lines_ += to_text(parts) + ' '), ...);
  }
  void end_line() {
    lines_.back() = '\n';
    close_all();
  }
  static std::string to_text(const std::string& text) { return text; }
  static std::string to_text(const Result<>& result) {
    return result ? "ok" : std::string(result.error().name());
  }
  static std::string to_text(const Count& count) {
    return count ? std::to_string(*count) : std::string(count.error().name());
  }
  void say_names(int fd) {
    Address local;
    local.length = sizeof local.storage;
    static_cast<void>(
        kernel_.getsockname(fd, reinterpret_cast<sockaddr*>(&local.storage), &local.length));
    Address remote;
    remote.length = sizeof remote.storage;
    const auto has_peer =
        kernel_.getpeername(fd, reinterpret_cast<sockaddr*>(&remote.storage), &remote.length);
    say("at " + text_of(local) + '/' + std::to_string(local.length));
    say(has_peer ? "to " + text_of(remote) + '/' + std::to_string(remote.length)
                 : to_text(has_peer));
  }
  void dissolve(int fd) {
    const sockaddr none{};
    say("dissolved", kernel_.connect(fd, &none, sizeof none));
    say_names(fd);
  }
  /// Linux' loopback may be a moment late.
  void await_readable(int fd) {
    pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
    const timespec moment{.tv_sec = 1, .tv_nsec = 0};
    static_cast<void>(kernel_.ppoll({&one, 1}, &moment));
  }
  void receive(int fd) {
    await_readable(fd);
    std::array<std::byte, 4> room;
    Address from;
    from.length = sizeof from.storage;
    const Count count =
        kernel_.recvfrom(fd, room, 0, reinterpret_cast<sockaddr*>(&from.storage), &from.length);
    say("received", count, "from " + text_of(from));
  }
  void accept(int listener) {
    await_readable(listener);
    const auto made = kernel_.accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (!made) return say("not accepted");
    open_.push_back(*made);
    int only = -1;
    socklen_t length = sizeof only;
    static_cast<void>(kernel_.getsockopt(*made, IPPROTO_IPV6, IPV6_V6ONLY, &only, &length));
    say("accepted only " + std::to_string(only));
    say_names(*made);
  }

  Kernel& kernel_;
  std::vector<int> open_;
  std::string lines_;
};

std::string Seen::bindings() {
  for (const int type : types)
    for (const bool only : {false, true})
      for (const char* const host : hosts) {
        const int fd = socket(AF_INET6, type, only);
        say("bind", std::to_string(type), std::to_string(only), host, bind(fd, host));
        say_names(fd);
        say("then only", set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0));
        end_line();
      }
  return lines_;
}

// Who can be bound to the same port as who was first, with no, with one and with the other option
// set; and, of those that are, who can listen.
std::string Seen::conflicts() {
  struct Bound {
    const char* host;
    bool only;
  };
  constexpr std::array all{Bound{"::", false},
                           Bound{"::", true},
                           Bound{"::1", false},
                           Bound{"::ffff:127.0.0.1", false},
                           Bound{"::ffff:0.0.0.0", false},
                           Bound{"0.0.0.0", false},
                           Bound{"127.0.0.1", false},
                           Bound{"127.0.0.2", false}};
  const auto make = [&](int type, const Bound& bound, int option) {
    const bool is_v6 = std::string_view(bound.host).find(':') != std::string_view::npos;
    const int fd = socket(is_v6 ? AF_INET6 : AF_INET, type, bound.only);
    if (option != 0) static_cast<void>(set(fd, SOL_SOCKET, option, 1));
    return fd;
  };
  for (const int type : types)
    for (const int option : {0, SO_REUSEADDR, SO_REUSEPORT})
      for (const Bound& first : all)
        for (const Bound& second : all) {
          const int one = make(type, first, option);
          const int other = make(type, second, option);
          say(std::to_string(type), std::to_string(option), first.host, std::to_string(first.only));
          say(bind(one, first.host), second.host, std::to_string(second.only));
          say(bind(other, second.host, port_of(one)));
          if (type == SOCK_STREAM) say(kernel_.listen(one, 5), kernel_.listen(other, 5));
          end_line();
        }
  return lines_;
}

std::string Seen::connections() {
  for (const int type : types)
    for (const bool only : {false, true})
      for (const char* const bound : hosts)
        for (const char* const host : hosts) {
          const int listener = socket(AF_INET6, type);
          say("listen", bind(listener, "::"));
          if (type == SOCK_STREAM) say(kernel_.listen(listener, 5));
          const int fd = socket(AF_INET6, type, only);
          say(std::to_string(type), std::to_string(only), bound, bind(fd, bound), host);
          const auto done = connect(fd, host, port_of(listener));
          say(done);
          say_names(fd);
          const bool began = done || done.error() == Errno{EINPROGRESS};
          if (type == SOCK_DGRAM) say("sent", kernel_.send(fd, as_bytes("x"), 0));
          if (type == SOCK_DGRAM && began) receive(listener);
          if (type == SOCK_STREAM && began) accept(listener);
          dissolve(fd);
          end_line();
        }
  return lines_;
}

// From each, bound or not, to each, to sockets of both families that are everywhere and at one.
std::string Seen::datagrams() {
  for (const char* const receiver : {"::", "::1", "127.0.0.1", "::ffff:127.0.0.1"})
    for (const char* const bound : hosts)
      for (const char* const host : {"::", "::1", "::ffff:127.0.0.1", "::ffff:127.0.0.3",
                                     "::ffff:0.0.0.0", "127.0.0.1", "::2", "fe80::1"}) {
        const bool is_v4 = std::string_view(receiver).find(':') == std::string_view::npos;
        const int to = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM);
        say(receiver, bind(to, receiver));
        const int fd = socket(AF_INET6, SOCK_DGRAM);
        say(bound, bind(fd, bound), host);
        const Address address = address_of(host, port_of(to));
        const Count sent = kernel_.sendto(fd, as_bytes("x"), 0, address.get(), address.length);
        say(sent);
        say_names(fd);
        const bool arrives = std::string_view(receiver) == "::";
        if (sent && arrives) receive(to);
        end_line();
      }
  return lines_;
}

// Two at one port, of each family one: whose is what comes to 127.0.0.1, or to ::1?
std::string Seen::preferences() {
  constexpr std::array everywhere{"::", "0.0.0.0"};
  for (const int type : types)
    for (const std::size_t first : {0U, 1U})
      for (const char* const host : {"127.0.0.1", "::1", "::ffff:127.0.0.1"}) {
        std::array<int, 2> both{};
        std::uint16_t port = 0;
        for (const std::size_t which : {first, 1 - first}) {
          const int fd = socket(which == 0 ? AF_INET6 : AF_INET, type);
          static_cast<void>(set(fd, SOL_SOCKET, SO_REUSEPORT, 1));
          say(everywhere[which], bind(fd, everywhere[which], port));
          if (type == SOCK_STREAM) say(kernel_.listen(fd, 5));
          port = port_of(fd);
          both[which] = fd;
        }
        const bool is_v4 = std::string_view(host).find(':') == std::string_view::npos;
        const int fd = socket(is_v4 ? AF_INET : AF_INET6, type);
        say(host, connect(fd, host, port));
        if (type == SOCK_DGRAM) say(kernel_.send(fd, as_bytes("x"), 0));
        std::array<pollfd, 2> ready{pollfd{.fd = both[0], .events = POLLIN, .revents = 0},
                                    pollfd{.fd = both[1], .events = POLLIN, .revents = 0}};
        const timespec moment{.tv_sec = 1, .tv_nsec = 0};
        say(kernel_.ppoll(ready, &moment));
        say(std::to_string(ready[0].revents), std::to_string(ready[1].revents));
        end_line();
      }
  return lines_;
}

std::string Seen::options() {
  for (const int domain : {AF_INET, AF_INET6})
    for (const int type : types) {
      const int fd = socket(domain, type);
      for (const int name : {IPV6_V6ONLY, 199}) {
        int value = -1;
        socklen_t length = sizeof value;
        say(kernel_.getsockopt(fd, IPPROTO_IPV6, name, &value, &length), std::to_string(value));
        say(set(fd, IPPROTO_IPV6, name, 7));
        say(kernel_.setsockopt(fd, IPPROTO_IPV6, name, &value, 3));
        length = 2;
        value = 0;
        say(kernel_.getsockopt(fd, IPPROTO_IPV6, name, &value, &length), std::to_string(value));
        say(std::to_string(length));
        say(kernel_.setsockopt(fd, IPPROTO_IPV6, name, nullptr, sizeof value));
      }
      int value = -1;
      socklen_t length = sizeof value;
      say(kernel_.getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &length), std::to_string(value));
      say(set(fd, IPPROTO_IP, IP_TOS, 8));
      end_line();
    }
  return lines_;
}

// Addresses that are too short, too long or another family's, to each call that takes one; and how
// much a datagram can hold.
std::string Seen::lengths() {
  static const std::vector<std::byte> many(70'000);
  for (const int type : types)
    for (const int family : {AF_INET6, AF_INET, AF_UNSPEC, AF_UNIX})
      for (const socklen_t length : {1U, 2U, 15U, 16U, 23U, 24U, 28U, 128U, 129U}) {
        const std::string host = family == AF_INET ? "127.0.0.1" : "::1";
        Address address = address_of(host, 9);
        address.storage.ss_family = static_cast<sa_family_t>(family);
        say(std::to_string(type), std::to_string(family), std::to_string(length));
        for (const bool only : {false, true}) {
          const int fd = socket(AF_INET6, type, only);
          if (type == SOCK_DGRAM) say(kernel_.sendto(fd, as_bytes("x"), 0, address.get(), length));
          say(kernel_.connect(fd, address.get(), length));
          Address free = address;
          reinterpret_cast<sockaddr_in6&>(free.storage).sin6_port = 0;
          say(kernel_.bind(socket(AF_INET6, type, only), free.get(), length));
        }
        end_line();
      }
  for (const std::size_t size : {65'507U, 65'508U, 65'527U, 65'528U, 65'535U, 65'536U}) {
    const int to = socket(AF_INET6, SOCK_DGRAM);
    say(bind(to, "::"), std::to_string(size));
    for (const char* const host : {"::1", "::ffff:127.0.0.1"}) {
      const Address address = address_of(host, port_of(to));
      const int fd = socket(AF_INET6, SOCK_DGRAM);
      say(kernel_.sendto(fd, ByteView(many).first(size), 0, address.get(), address.length));
    }
    end_line();
  }
  return lines_;
}

class V6AgainstLinux : public testing::Test {
 protected:
  void SetUp() override {
    ONLY_AS_ROOT("what can be reached is compared in a network of the test's own");
    leave_the_machines_network();
    const auto made = LinuxKernel::shared().socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (!made) GTEST_SKIP() << "Linux has no IPv6 here: " << made.error().name();
    const Fd fd(LinuxKernel::shared(), *made);
    const Address loopback = address_of("::1", 0);
    const auto bound = LinuxKernel::shared().bind(fd.get(), loopback.get(), loopback.length);
    if (!bound) GTEST_SKIP() << "Linux has no ::1 here: " << bound.error().name();
  }

  template <class P>
  static void compare(std::string (Seen::*look)()) {
    System<P> system;
    const std::string in_user_space = (Seen(system.init()).*look)();
    const std::string on_linux = (Seen(LinuxKernel::shared()).*look)();
    std::size_t at = 0;
    while (at < on_linux.size()) {  // Line by line: the first that differs says enough.
      const std::size_t end = on_linux.find('\n', at);
      const std::string line = on_linux.substr(at, end - at);
      ASSERT_EQ(in_user_space.substr(at, in_user_space.find('\n', at) - at), line);
      at = end + 1;
    }
    EXPECT_EQ(in_user_space.size(), on_linux.size());
  }
  static void compare_both(std::string (Seen::*look)()) {
    compare<Single>(look);
    compare<Threads>(look);
  }
};

TEST_F(V6AgainstLinux, WhatCanBeBound) { compare_both(&Seen::bindings); }
TEST_F(V6AgainstLinux, WhatCanBeBoundBesideWhat) { compare_both(&Seen::conflicts); }
TEST_F(V6AgainstLinux, WhoCanBeConnectedToWhom) { compare_both(&Seen::connections); }
TEST_F(V6AgainstLinux, WhoCanSendToWhom) { compare_both(&Seen::datagrams); }
TEST_F(V6AgainstLinux, WhomOfTwoItIsFor) { compare_both(&Seen::preferences); }
TEST_F(V6AgainstLinux, WhatCanBeSet) { compare_both(&Seen::options); }
TEST_F(V6AgainstLinux, WhichAddressesAreNone) { compare_both(&Seen::lengths); }

}  // namespace
}  // namespace tocsin::vkern
