// SPDX-License-Identifier: MIT
//
// What an echo server costs, and that it is fair: the promises that only the layers together keep.
//
// Method: the echo coroutine of the example runs in a loop whose kernel counts; its clients are
// bare sockets in the same thread, so that each turn is one the test has asked for. Every
// allocation of this binary is counted as well.
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/base/prng.hpp"
#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/net/tcp.hpp"
#include "tocsin/net/unix.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace {

std::atomic<std::size_t> allocations = 0;  // Other tests here have threads.
std::atomic<std::size_t> live_bytes = 0;   // With what malloc(3) adds to each.
constexpr std::size_t malloc_header = 8;

void* allocate(std::size_t size) {
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  ++allocations;
  live_bytes += ::malloc_usable_size(memory) + malloc_header;
  return memory;
}

void release(void* memory) {
  if (memory == nullptr) return;
  live_bytes -= ::malloc_usable_size(memory) + malloc_header;
  std::free(memory);
}

}  // namespace

// All the forms, so that none of a sanitizer's own meets one of these.
void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { release(memory); }

namespace tocsin {
namespace {

template <class S>
Task<> echo(S peer) {
  while (auto bytes = co_await peer.read()) {
    if (bytes->empty()) co_return;
    if (!co_await peer.write_all(*bytes)) co_return;
  }
}

class EchoKernel : public ForwardingKernel {
 public:
  Count recv(int fd, MutableBytes into, int flags) override {
    ++receives;
    if (fd == never_empty) return into.size();
    return below_.recv(fd, into, flags);
  }
  Count send(int fd, ByteView bytes, int flags) override {
    ++sends;
    return below_.send(fd, bytes, flags);
  }
  Result<> epoll_ctl(int epfd, int operation, int fd, epoll_event* event) override {
    ++others;
    return below_.epoll_ctl(epfd, operation, fd, event);
  }
  Count epoll_wait(int epfd, std::span<epoll_event> events, int timeout) override {
    ++waits;
    return below_.epoll_wait(epfd, events, timeout);
  }
  Count epoll_pwait2(int epfd, std::span<epoll_event> events, const timespec* timeout,
                     const sigset_t* mask) override {
    ++waits;
    return below_.epoll_pwait2(epfd, events, timeout, mask);
  }
  Count read(int fd, MutableBytes into) override {
    ++others;
    return below_.read(fd, into);
  }
  Count write(int fd, ByteView bytes) override {
    ++others;
    return below_.write(fd, bytes);
  }
  Result<int> accept4(int fd, sockaddr* address, socklen_t* length, int flags) override {
    ++others;
    return below_.accept4(fd, address, length, flags);
  }

  int never_empty = -1;  // A peer that sends faster than anybody can read.
  int receives = 0;
  int sends = 0;
  int waits = 0;
  int others = 0;
};

/// The client's end of a connection: a bare, non-blocking socket.
class Bare {
 public:
  explicit Bare(Fd fd) : fd_(std::move(fd)) {}
  void send(std::string_view text) const {
    ASSERT_EQ(kernel_.send(fd_.get(), as_bytes(text), MSG_NOSIGNAL), text.size());
  }
  /// What there is; empty if there is nothing.
  std::string receive() const {
    std::array<std::byte, 256> room{};
    const auto count = kernel_.recv(fd_.get(), room, 0);
    return count ? std::string(as_text(ByteView(room).first(*count))) : std::string();
  }
  int fd() const { return fd_.get(); }

 private:
  Kernel& kernel_ = kernel_under_test();
  Fd fd_;
};

class EchoTest : public testing::Test {
 protected:
  /// Starts an echo on one end of a pair of UNIX sockets, and gives the other. As a TcpStream it is
  /// one to which nobody sends descriptors: after a short read a UnixStream asks once more.
  template <class S = UnixStream>
  Bare connect() {
    auto ends = connected_pair(kernel);
    auto source = FdSource::create(world.loop, std::move(ends[0]), "echo").value();
    server_fd = source->fd();
    world.scope.spawn(echo(S(std::move(source))));
    return Bare(std::move(ends[1]));
  }

  EchoKernel kernel;
  LoopWorld world{kernel};
  int server_fd = -1;
};

TEST_F(EchoTest, InSteadyStateAMessageIsOneReceiveOneSendAndAShareOfAWait) {
  const Bare client = connect<TcpStream>();
  const std::string message(64, 'm');
  const auto exchange = [&] {
    client.send(message);
    ASSERT_TRUE(world.loop.run_once(Duration::zero()));
    ASSERT_EQ(client.receive(), message);
  };
  for (int i = 0; i < 10; ++i) exchange();  // The first ones find out, and allocate.
  const int receives = kernel.receives;
  const int sends = kernel.sends;
  const int waits = kernel.waits;
  const int others = kernel.others;
  const std::size_t allocated = allocations;
  std::size_t mine = 0;  // The test's own: its strings are long.
  for (int i = 0; i < 100; ++i) {
    const std::size_t before = allocations;
    client.send(message);
    mine += allocations - before;
    ASSERT_TRUE(world.loop.run_once(Duration::zero()));
    const std::size_t then = allocations;
    ASSERT_EQ(client.receive(), message);
    mine += allocations - then;
  }
  EXPECT_EQ(kernel.receives - receives, 100);
  EXPECT_EQ(kernel.sends - sends, 100);
  EXPECT_EQ(kernel.waits - waits, 100);
  EXPECT_EQ(kernel.others - others, 0) << "no epoll_ctl, nothing else";
  if (!is_linux_under_test()) return;  // A kernel in user space allocates here, too.
  EXPECT_EQ(allocations - allocated - mine, 0u) << "no allocation";
}

TEST(EchoMemory, AnIdleConnectionTakesLessThan500Bytes) {
  ONLY_ON_LINUX("on a kernel in user space the heap is the kernel's as well");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit most{.rlim_cur = before.rlim_max, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &most), 0);
  {
    constexpr std::size_t many = 4'000;  // What grows by doubling has just not doubled, twice.
    LoopWorld world;
    auto listener = TcpListener::bind(world.loop, Address::loopback(0)).value();
    const Address where = listener.local_address().value();
    world.scope.spawn([](TcpListener& from, Scope& into) -> Task<> {
      while (auto peer = co_await from.accept()) into.spawn(echo(std::move(*peer)));
    }(listener, world.scope));
    Kernel& kernel = kernel_under_test();
    std::vector<Fd> clients;
    clients.reserve(2 * many);
    const auto connect_many = [&] {
      for (std::size_t i = 0; i < many; ++i) {
        clients.emplace_back(kernel, kernel.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0).value());
        ASSERT_TRUE(kernel.connect(clients.back().get(), where.data(), where.size()));
      }
      const auto wanted = clients.size();
      ASSERT_TRUE(world.run_until([&] { return listener.counters().accepted == wanted; }));
      world.run_until_idle();
    };
    connect_many();  // The first ones pay for what is there once.
    const std::size_t with_half = live_bytes;
    connect_many();
    const std::size_t each = (live_bytes - with_half) / many;
    EXPECT_LT(each, 500u);
    RecordProperty("bytes", static_cast<int>(each));
    world.scope.cancel();
    world.run_until_idle();
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(EchoOverTcp, AHundredClientsGetBackWhatTheySent) {
  LoopWorld world;
  auto listener = TcpListener::bind(world.loop, Address::loopback(0)).value();
  const Address where = listener.local_address().value();
  Scope servers(world.loop);
  servers.spawn([](TcpListener& from, Scope& into) -> Task<> {
    while (auto peer = co_await from.accept()) into.spawn(echo(std::move(*peer)));
  }(listener, servers));

  int satisfied = 0;
  const auto client = [&](std::uint64_t seed) -> Task<> {
    Prng prng(seed);
    auto stream = co_await TcpStream::connect(world.loop, where);
    if (!stream) co_return;
    for (int round = 0; round < 20; ++round) {
      std::string sent(1 + prng.below(10'000), '\0');
      std::ranges::generate(sent, [&] { return static_cast<char>(prng.next()); });
      const auto done = co_await stream->write_all(as_bytes(sent));
      if (!done) co_return;
      std::string got;
      while (got.size() < sent.size()) {
        const auto bytes = co_await stream->read();
        if (!bytes || bytes->empty()) co_return;
        got += as_text(*bytes);
      }
      if (got != sent) co_return;
    }
    ++satisfied;
  };
  Scope clients(world.loop);
  for (std::uint64_t seed = 0; seed < 100; ++seed) clients.spawn(client(seed));
  EXPECT_TRUE(world.run_until([&] { return clients.size() == 0; }));
  EXPECT_EQ(satisfied, 100);
}

// ---- fairness -----------------------------------------------------------------------------------

struct LightPeer {
  Bare end;
  std::optional<std::uint32_t> asked_in;  // The turn before which it sent; none: it is silent.
};

/// Light peers ping before random turns, at random rates, beside a peer that never stops sending.
/// Gives the most turns that any answer took.
std::uint32_t longest_wait(LoopWorld& world, std::vector<LightPeer>& peers, std::uint64_t seed) {
  Prng prng(seed);
  std::uint32_t longest = 0;
  const std::uint64_t rate = 1 + prng.below(100);  // Percent of the silent ones that ask.
  for (int turn = 0; turn < 30; ++turn) {
    for (LightPeer& peer : peers) {
      if (peer.asked_in || !prng.chance(rate, 100)) continue;
      peer.end.send("ping");
      peer.asked_in = world.loop.turn_number();
    }
    if (!world.loop.run_once(Duration::zero())) return ~0U;
    for (LightPeer& peer : peers) {
      if (!peer.asked_in) continue;
      const std::uint32_t waited = world.loop.turn_number() - *peer.asked_in;
      longest = std::max(longest, waited);
      if (peer.end.receive() == "ping") peer.asked_in.reset();
    }
  }
  return longest;
}

TEST_F(EchoTest, BesideAPeerThatNeverStopsSendingNobodyWaitsMoreThanTwoTurns) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit most{.rlim_cur = before.rlim_max, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &most), 0);
  {
    Scope heavy(world.loop);
    auto ends = connected_pair(kernel);
    UnixStream sink(FdSource::create(world.loop, std::move(ends[0]), "heavy").value());
    std::uint64_t swallowed = 0;
    kernel.never_empty = sink.fd();
    heavy.spawn([](Stream& from, std::uint64_t& count) -> Task<> {
      while (auto bytes = co_await from.read()) count += bytes->size();
    }(sink, swallowed));
    std::vector<LightPeer> peers;
    for (int i = 0; i < 1'000; ++i) peers.push_back({connect(), std::nullopt});

    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      const std::uint64_t taken = swallowed;
      EXPECT_LE(longest_wait(world, peers, seed), 2u) << "seed " << seed;
      EXPECT_GT(swallowed, taken) << "nor does the heavy one starve";
    }
    EXPECT_GT(world.loop.counters().left_over, 0u) << "it never stopped sending";
    heavy.cancel();
    world.scope.cancel();
    world.run_until_idle();
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace tocsin
