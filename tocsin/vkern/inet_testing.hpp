// SPDX-License-Identifier: MIT
//
// InetTest: a test of sockets that is run on three kernels: Linux, Single and Threads. Whatever the
// running Linux answers is right, so what is tested of vkern here is tested of the kernel as well.
//
//     INSTANTIATE_TEST_SUITE_P(..., on_each_kernel()) ──> [ InetTest ] ──> Kernel
//
// Linux delivers over its loopback before a call returns, as a rule, but does not promise to: what
// is expected of readiness is awaited for a second before it is missed.
//
// Ownership: the fixture owns its kernel, and closes what it opened. Thread rule: the test's
// thread.
#pragma once

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {

enum class Which { linux_kernel, single, threads };

inline auto on_each_kernel() {
  return testing::Values(Which::linux_kernel, Which::single, Which::threads);
}

inline std::string name_of(const testing::TestParamInfo<Which>& which) {
  constexpr const char* names[] = {"Linux", "Single", "Threads"};
  return names[static_cast<int>(which.param)];
}

/// A kernel of its own, or the machine's.
class AnyKernel {
 public:
  explicit AnyKernel(Which which) {
    if (which == Which::single) single_ = std::make_unique<System<Single>>();
    if (which == Which::threads) threads_ = std::make_unique<System<Threads>>();
  }
  Kernel& operator*() const {
    if (single_) return single_->init();
    if (threads_) return threads_->init();
    return LinuxKernel::shared();
  }

 private:
  std::unique_ptr<System<Single>> single_;
  std::unique_ptr<System<Threads>> threads_;
};

/// An IPv4 address in the loopback; port 0: any.
inline sockaddr_in at(std::uint16_t port, std::uint32_t host = INADDR_LOOPBACK) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(host);
  return address;
}

/// The errno of an answer; 0 if it is none.
template <class Answer>
int code(const Answer& answer) {
  return answer.has_value() ? 0 : answer.error().value();
}

/// A count, or an errno below zero, as the system call itself would answer.
inline std::int64_t number(const Count& count) { return count.as_kernel(); }

/// A network of its own for this thread, with nothing but its loopback: other tests take ports,
/// too. Where that is forbidden, the machine's has to do.
inline void leave_the_machines_network() {
  if (unshare(CLONE_NEWNET) != 0) return;
  const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq loopback{};
  std::memcpy(loopback.ifr_name, "lo", sizeof "lo");
  loopback.ifr_flags = IFF_UP;
  EXPECT_EQ(::ioctl(any, SIOCSIFFLAGS, &loopback), 0);
  ::close(any);
}

class InetTest : public testing::TestWithParam<Which> {
 protected:
  InetTest() : any_(GetParam()), kernel_(*any_) {}
  ~InetTest() override {
    for (const int fd : open_) static_cast<void>(kernel_.close(fd));
  }

  int socket(int type) {
    const auto made = kernel_.socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    EXPECT_TRUE(made);
    return keep(made.value_or(-1));
  }
  int tcp() { return socket(SOCK_STREAM); }
  int udp() { return socket(SOCK_DGRAM); }
  int keep(int fd) {
    open_.push_back(fd);
    return fd;
  }
  void close(int fd) {
    std::erase(open_, fd);
    EXPECT_TRUE(kernel_.close(fd));
  }

  Result<> bind(int fd, const sockaddr_in& address) {
    return kernel_.bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  Result<> connect(int fd, const sockaddr_in& address) {
    return kernel_.connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  Result<> dissolve(int fd) {
    const sockaddr none{};
    return kernel_.connect(fd, &none, sizeof none);
  }
  sockaddr_in name(int fd) {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    EXPECT_TRUE(kernel_.getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length));
    EXPECT_EQ(length, sizeof address);
    return address;
  }
  Result<sockaddr_in> peer(int fd) {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    const auto done = kernel_.getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length);
    if (!done) return std::unexpected(done.error());
    return address;
  }
  std::uint16_t port(int fd) { return ntohs(name(fd).sin_port); }
  /// Bound to a port of its own.
  int bound(int type) {
    const int fd = socket(type);
    EXPECT_TRUE(bind(fd, at(0)));
    return fd;
  }
  int listener(int backlog = 16) {
    const int fd = bound(SOCK_STREAM);
    EXPECT_TRUE(kernel_.listen(fd, backlog));
    return fd;
  }
  Result<int> accept(int fd) {
    const auto made = kernel_.accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (made) keep(*made);
    return made;
  }
  struct Pair {
    int client;
    int server;
  };
  /// Two ends of a connection. `listening` as it is, so that options can be inherited.
  Pair connected(int listening) {
    const int client = tcp();
    EXPECT_EQ(code(connect(client, name(listening))), EINPROGRESS);
    expect_mask(client, EPOLLOUT | EPOLLWRNORM);
    expect_mask(listening, EPOLLIN | EPOLLRDNORM);
    return {client, accept(listening).value_or(-1)};
  }
  Pair connected() {
    const int listening = listener();
    const Pair made = connected(listening);
    close(listening);
    return made;
  }

  Count send(int fd, std::string_view text, int flags = 0) {
    return kernel_.send(fd, as_bytes(text), flags | MSG_NOSIGNAL);
  }
  /// What recv(2) gives: the text, or the name of the errno.
  std::string receive(int fd, std::size_t room = 100, int flags = 0) {
    std::string text(room, '\0');
    const Count count =
        kernel_.recv(fd, {reinterpret_cast<std::byte*>(text.data()), text.size()}, flags);
    if (!count) return std::string(count.error().name());
    return text.substr(0, *count);
  }
  /// Awaits something to read first.
  std::string receive_soon(int fd, std::size_t room = 100, int flags = 0) {
    await_any(fd, POLLIN | POLLERR | POLLHUP);
    return receive(fd, room, flags);
  }
  int option(int fd, int level, int which) {
    int value = -1;
    socklen_t length = sizeof value;
    const auto done = kernel_.getsockopt(fd, level, which, &value, &length);
    return done ? value : -done.error().value();
  }
  int error(int fd) { return option(fd, SOL_SOCKET, SO_ERROR); }
  int set(int fd, int level, int which, int value) {
    return code(kernel_.setsockopt(fd, level, which, &value, sizeof value));
  }
  int control(int fd, unsigned long request) {
    int value = -1;
    const auto done = kernel_.ioctl(fd, request, &value);
    return done ? value : -done.error().value();
  }

  /// Everything poll(2) can say of it, at this moment.
  Mask mask(int fd) {
    pollfd one{.fd = fd, .events = 0x7FDF, .revents = 0};
    const timespec no_time{};
    EXPECT_TRUE(kernel_.ppoll({&one, 1}, &no_time));
    return static_cast<Mask>(one.revents) & 0xFFFF;
  }
  /// It says exactly this, by and by.
  void expect_mask(int fd, Mask expected) {
    for (int i = 0; i < 1000 && GetParam() == Which::linux_kernel && mask(fd) != expected; ++i)
      rest();
    EXPECT_EQ(mask(fd), expected) << text_of(mask(fd)) << " instead of " << text_of(expected);
  }
  /// Whatever is under way has come.
  void settle() {
    if (GetParam() == Which::linux_kernel) rest();
  }
  void await_any(int fd, short events) {
    pollfd one{.fd = fd, .events = events, .revents = 0};
    const timespec second{.tv_sec = 1, .tv_nsec = 0};
    static_cast<void>(kernel_.ppoll({&one, 1}, &second));
  }
  /// A millisecond for Linux' loopback: ppoll(2) of nothing.
  void rest() {
    const timespec moment{.tv_sec = 0, .tv_nsec = 1'000'000};
    static_cast<void>(kernel_.ppoll({}, &moment));
  }

  static std::string text_of(Mask mask) {
    constexpr std::pair<Mask, const char*> names[] = {
        {EPOLLIN, "IN "},         {EPOLLRDNORM, "RDNORM "}, {EPOLLOUT, "OUT "},
        {EPOLLWRNORM, "WRNORM "}, {EPOLLWRBAND, "WRBAND "}, {EPOLLPRI, "PRI "},
        {EPOLLERR, "ERR "},       {EPOLLHUP, "HUP "},       {EPOLLRDHUP, "RDHUP "}};
    std::string text;
    for (const auto& [bit, its_name] : names)
      if ((mask & bit) != 0) text += its_name;
    return text;
  }

  // What poll(2) says, in the abbreviations of the tables.
  static constexpr Mask I = EPOLLIN | EPOLLRDNORM;
  static constexpr Mask O = EPOLLOUT | EPOLLWRNORM;
  static constexpr Mask Ob = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
  static constexpr Mask P = EPOLLPRI;
  static constexpr Mask E = EPOLLERR;
  static constexpr Mask H = EPOLLHUP;
  static constexpr Mask R = EPOLLRDHUP;

  AnyKernel any_;
  Kernel& kernel_;

 private:
  std::vector<int> open_;
};

}  // namespace tocsin::vkern
