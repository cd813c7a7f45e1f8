// SPDX-License-Identifier: MIT
//
// The same random calls on TCP and UDP sockets, on Linux and in user space: every answer, and what
// every socket says afterwards, must be the same.
//
// Method: a seed draws a sequence of calls on a few sockets, which are known by their slot; ports
// differ between the kernels, so an address is "where slot 3 is". After each call both sides are
// compared socket by socket: mask, unread bytes, urgent mark. Linux gets a second to arrive there,
// because its loopback may be a moment late. What depends on time or on tuned buffers (full
// backlogs, full windows) is left out: sequences are short and their messages small. A failure
// prints the seed and every call up to it.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "tocsin/base/prng.hpp"
#include "tocsin/vkern/inet_testing.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::size_t slots = 7;

struct Call {
  std::string name;
  std::size_t slot = 0;
  std::size_t other = 0;
  int a = 0;
  int b = 0;

  std::string text() const {
    return name + "(" + std::to_string(slot) + ", " + std::to_string(other) + ", " +
           std::to_string(a) + ", " + std::to_string(b) + ")";
  }
};

// One kernel and its sockets.
class Side {
 public:
  explicit Side(Kernel& kernel) : kernel_(kernel) { fds_.fill(-1); }
  ~Side() {
    for (std::size_t slot = 0; slot < slots; ++slot) close(slot);
  }

  std::string run(const Call& call);
  /// What can be seen of all sockets.
  std::string state();

 private:
  void close(std::size_t slot) {
    if (fds_[slot] >= 0) static_cast<void>(kernel_.close(fds_[slot]));
    fds_[slot] = -1;
  }
  static std::string said(const auto& answer) {
    return answer ? "ok" : std::string(answer.error().name());
  }
  static std::string count(const Count& answer) {
    return answer ? std::to_string(*answer) : std::string(answer.error().name());
  }
  sockaddr_in where(std::size_t slot) const { return at(ports_[slot], hosts_[slot]); }
  /// The address as the slots of both sides have it in common.
  std::string told(const sockaddr_in& address) const {
    const std::uint16_t port = ntohs(address.sin_port);
    std::string text = std::to_string(ntohl(address.sin_addr.s_addr) & 0xFF) + ":";
    if (port == 0) return text + "0";
    for (std::size_t slot = 0; slot < slots; ++slot)
      if (ports_[slot] == port) return text + "p" + std::to_string(slot);
    return text + "?";
  }
  void learn(std::size_t slot) {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    if (!kernel_.getsockname(fds_[slot], reinterpret_cast<sockaddr*>(&address), &length)) return;
    if (address.sin_port != 0) ports_[slot] = ntohs(address.sin_port);
    hosts_[slot] = ntohl(address.sin_addr.s_addr);
  }
  std::string make(const Call& call);
  std::string names(const Call& call);
  std::string transfer(const Call& call);
  std::string options(const Call& call);
  std::string accept(const Call& call);
  std::string receive(const Call& call);

  Kernel& kernel_;
  std::array<int, slots> fds_;
  std::array<std::uint16_t, slots> ports_{};  // Where it was last, or still is.
  std::array<std::uint32_t, slots> hosts_{};
};

std::string Side::make(const Call& call) {
  close(call.slot);
  ports_[call.slot] = 0;
  const int type = call.a == 0 ? SOCK_DGRAM : SOCK_STREAM;
  fds_[call.slot] = kernel_.socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0).value_or(-1);
  const int on = 1;  // Nagle's algorithm would hold back what an acknowledgement is awaited for.
  static_cast<void>(kernel_.setsockopt(fds_[call.slot], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  return "ok";
}

std::string Side::names(const Call& call) {
  const int fd = fds_[call.slot];
  sockaddr_in address = where(call.other);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (call.name == "bind") {
    if (call.a < 2) address.sin_port = 0;
    address.sin_addr.s_addr =
        htonl(call.b == 0 ? INADDR_ANY : INADDR_LOOPBACK - 1 + static_cast<std::uint32_t>(call.b));
    const auto done = kernel_.bind(fd, any, sizeof address);
    learn(call.slot);
    return said(done);
  }
  if (call.name == "connect") {
    const auto done = kernel_.connect(fd, any, sizeof address);
    learn(call.slot);
    return said(done);
  }
  if (call.name == "dissolve") {
    const sockaddr none{};
    return said(kernel_.connect(fd, &none, sizeof none));
  }
  socklen_t length = sizeof address;
  const auto done = call.name == "getpeername" ? kernel_.getpeername(fd, any, &length)
                                               : kernel_.getsockname(fd, any, &length);
  return done ? told(address) : said(done);
}

std::string Side::accept(const Call& call) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  const auto made = kernel_.accept4(fds_[call.slot], reinterpret_cast<sockaddr*>(&address), &length,
                                    SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (!made) return said(made);
  if (call.other == call.slot) {
    static_cast<void>(kernel_.close(*made));
    return "dropped " + told(address);
  }
  close(call.other);
  fds_[call.other] = *made;
  learn(call.other);
  return told(address);
}

std::string Side::receive(const Call& call) {
  std::array<char, 512> text{};
  iovec part{.iov_base = text.data(), .iov_len = static_cast<std::size_t>(call.a)};
  sockaddr_in from{};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const Count got = kernel_.recvmsg(fds_[call.slot], message, call.b | MSG_DONTWAIT);
  if (!got) return said(got);
  const std::size_t shown = (call.b & MSG_TRUNC) != 0 ? 0 : std::min(*got, part.iov_len);
  return count(got) + " " + std::string(text.data(), shown) + " " +
         std::to_string(message.msg_flags & (MSG_TRUNC | MSG_OOB)) + " " +
         (message.msg_namelen > 0 ? told(from) : "-");
}

std::string Side::transfer(const Call& call) {
  const int fd = fds_[call.slot];
  std::string text(static_cast<std::size_t>(call.a), 'x');
  for (std::size_t i = 0; i < text.size(); ++i)
    text[i] = static_cast<char>('a' + (i + call.other) % 26);
  const int flags = call.b | MSG_NOSIGNAL | MSG_DONTWAIT;
  if (call.name == "send") return count(kernel_.send(fd, as_bytes(text), flags));
  if (call.name == "sendto") {
    const sockaddr_in address = where(call.other);
    const Count sent = kernel_.sendto(fd, as_bytes(text), flags,
                                      reinterpret_cast<const sockaddr*>(&address), sizeof address);
    learn(call.slot);
    return count(sent);
  }
  if (call.name == "write") return count(kernel_.write(fd, as_bytes(text)));
  std::vector<std::byte> room(static_cast<std::size_t>(call.a));
  return count(kernel_.read(fd, room));
}

std::string Side::options(const Call& call) {
  constexpr std::pair<int, int> known[] = {
      {SOL_SOCKET, SO_ERROR},     {SOL_SOCKET, SO_REUSEADDR},  {SOL_SOCKET, SO_OOBINLINE},
      {SOL_SOCKET, SO_RCVLOWAT},  {SOL_SOCKET, SO_ACCEPTCONN}, {SOL_SOCKET, SO_TYPE},
      {SOL_SOCKET, SO_KEEPALIVE}, {IPPROTO_TCP, TCP_KEEPIDLE}, {IPPROTO_TCP, TCP_KEEPCNT},
      {SOL_SOCKET, SO_BROADCAST}, {SOL_SOCKET, SO_PROTOCOL}};
  const int fd = fds_[call.slot];
  if (call.name == "linger") {
    const linger value{.l_onoff = call.a, .l_linger = 0};
    return said(kernel_.setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value));
  }
  const auto [level, name] = known[static_cast<std::size_t>(call.a) % std::size(known)];
  int value = call.b;
  if (call.name == "setsockopt")
    return said(kernel_.setsockopt(fd, level, name, &value, sizeof value));
  socklen_t length = sizeof value;
  const auto done = kernel_.getsockopt(fd, level, name, &value, &length);
  return done ? std::to_string(value) : said(done);
}

std::string Side::run(const Call& call) {
  const std::string& name = call.name;
  if (name == "socket") return make(call);
  const int fd = fds_[call.slot];
  if (name == "close") return close(call.slot), "";
  if (name == "listen") {
    const auto done = kernel_.listen(fd, call.a);
    learn(call.slot);
    return said(done);
  }
  if (name == "accept") return accept(call);
  if (name == "shutdown") return said(kernel_.shutdown(fd, call.a));
  if (name == "recv") return receive(call);
  if (name.ends_with("opt") || name == "linger") return options(call);
  if (name == "bind" || name == "connect" || name == "dissolve" || name.ends_with("name"))
    return names(call);
  return transfer(call);
}

std::string Side::state() {
  std::string text;
  for (const int fd : fds_) {
    if (fd < 0) {
      text += "- ";
      continue;
    }
    pollfd one{.fd = fd, .events = 0x7FDF, .revents = 0};
    const timespec no_time{};
    static_cast<void>(kernel_.ppoll({&one, 1}, &no_time));
    int unread = -1;
    int is_marked = -1;
    static_cast<void>(kernel_.ioctl(fd, FIONREAD, &unread));
    static_cast<void>(kernel_.ioctl(fd, SIOCATMARK, &is_marked));
    char one_text[64];
    std::snprintf(one_text, sizeof one_text, "%x/%d/%d ", static_cast<unsigned>(one.revents),
                  unread, is_marked);
    text += one_text;
  }
  return text;
}

// ---- what is drawn ------------------------------------------------------------------------------

class Drawing {
 public:
  explicit Drawing(std::uint64_t seed) : random_(seed) {}

  Call next() {
    if (made_ < slots - 1) return fill({.name = "socket", .slot = made_++});
    static constexpr struct {
      const char* name;
      int weight;
    } calls[] = {{"socket", 8},      {"close", 5},      {"bind", 6},       {"listen", 6},
                 {"connect", 14},    {"accept", 12},    {"dissolve", 2},   {"send", 14},
                 {"sendto", 8},      {"write", 2},      {"recv", 16},      {"read", 3},
                 {"shutdown", 5},    {"setsockopt", 4}, {"getsockopt", 4}, {"linger", 1},
                 {"getsockname", 2}, {"getpeername", 2}};
    int total = 0;
    for (const auto& call : calls) total += call.weight;
    int left = number(total);
    std::size_t chosen = 0;
    while (left >= calls[chosen].weight) left -= calls[chosen++].weight;
    return fill({.name = calls[chosen].name, .slot = slot(), .other = slot()});
  }

 private:
  int number(int bound) {
    return static_cast<int>(random_.below(static_cast<std::uint64_t>(bound)));
  }
  std::size_t slot() { return random_.below(slots); }
  int one_of(std::initializer_list<int> values) {
    return values.begin()[number(static_cast<int>(values.size()))];
  }

  Call fill(Call call) {
    if (call.name == "socket") call.a = number(3);
    if (call.name == "bind") call.a = number(3), call.b = number(3);
    if (call.name == "listen") call.a = 64;
    if (call.name == "shutdown") call.a = number(3);
    if (call.name == "send" || call.name == "sendto" || call.name == "write")
      call.a = one_of({0, 1, 3, 10, 100, 300}), call.b = one_of({0, 0, 0, MSG_OOB});
    if (call.name == "recv")
      call.a = one_of({0, 1, 2, 5, 50, 400}),
      call.b = one_of({0, 0, 0, MSG_PEEK, MSG_OOB, MSG_OOB | MSG_PEEK, MSG_TRUNC, MSG_WAITALL});
    if (call.name == "read") call.a = one_of({0, 1, 5, 400});
    if (call.name.ends_with("opt")) call.a = number(11), call.b = one_of({0, 1, 1, 5, 20});
    if (call.name == "linger") call.a = number(2);
    return call;
  }

  std::size_t made_ = 0;  // It begins with a socket in most slots.
  Prng random_;
};

// ---- the comparison -----------------------------------------------------------------------------

// Empty if the two sides agree to the end.
std::string compare(Kernel& linux_kernel, Kernel& vkern, std::uint64_t seed, int calls) {
  Side expected(linux_kernel);
  Side actual(vkern);
  Drawing drawing(seed);
  std::string log = "seed " + std::to_string(seed) + "\n";
  for (int i = 0; i < calls; ++i) {
    const Call call = drawing.next();
    const std::string answer = expected.run(call);
    const std::string other = actual.run(call);
    log += call.text() + " = " + answer + "\n";
    if (answer != other) return log + "in user space: " + other + "\n";
    const std::string now = actual.state();
    for (int wait = 0; wait < 1000 && expected.state() != now; ++wait) {
      const timespec moment{.tv_sec = 0, .tv_nsec = 1'000'000};
      static_cast<void>(linux_kernel.ppoll({}, &moment));
    }
    log += "    " + expected.state() + "\n";
    if (expected.state() != now) return log + "in user space:\n    " + now + "\n";
  }
  return {};
}

// A port of UDP and one of TCP that happen to have the same number would be one to the slots; the
// next ports of the two are set apart, so that they do not meet.
void set_apart(Kernel& vkern) {
  for (int i = 0; i < 100; ++i) {
    const int fd = vkern.socket(AF_INET, SOCK_DGRAM, 0).value();
    const sockaddr_in any = at(0);
    ASSERT_TRUE(vkern.bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any));
    ASSERT_TRUE(vkern.close(fd));
  }
}

template <class P>
std::string compare(std::uint64_t seed) {
  System<P> system;
  set_apart(system.init());
  return compare(LinuxKernel::shared(), system.init(), seed, 60);
}

// TOCSIN_INET_SEEDS=first:count runs others than the slice that every run has.
TEST(InetDifferential, RandomCallsHaveTheSameAnswersOnBothKernels) {
  leave_the_machines_network();
  // write(2) has no MSG_NOSIGNAL, and vkern raises no SIGPIPE.
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  std::uint64_t first = 1;
  std::uint64_t count = 400;
  if (const char* const asked = std::getenv("TOCSIN_INET_SEEDS"); asked != nullptr) {
    ASSERT_EQ(std::sscanf(asked, "%lu:%lu", &first, &count), 2);
  }
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const auto once = [seed] {
      return seed % 2 == 0 ? compare<Single>(seed) : compare<Threads>(seed);
    };
    // Ports are the machine's: one that was given back, or has the same number in the other
    // protocol, may be somebody's. A difference that does not come every time was that.
    std::string difference = "none yet";
    for (int run = 0; run < 4 && !difference.empty(); ++run) difference = once();
    EXPECT_EQ(difference, "");
    if (!difference.empty()) break;
  }
  std::signal(SIGPIPE, before);
}

}  // namespace
}  // namespace tocsin::vkern
