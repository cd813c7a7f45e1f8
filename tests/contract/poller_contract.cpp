// SPDX-License-Identifier: MIT
#include "tests/contract/poller_contract.hpp"

#include <thread>
#include <utility>

#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/vkern/kernel_testing.hpp"

namespace tocsin::contract {

const Capabilities& capabilities_of(Mechanism mechanism) {
  static constexpr Capabilities epoll{.edge = true,
                                      .exclusive = true,
                                      .hangup = true,
                                      .whole_mask = true,
                                      .descriptor = true,
                                      .pollable = true,
                                      .identity = Identity::description};
  static constexpr Capabilities poll{.edge = false,
                                     .exclusive = false,
                                     .hangup = true,
                                     .whole_mask = true,
                                     .descriptor = false,
                                     .pollable = false,
                                     .identity = Identity::number};
  static constexpr Capabilities select{.edge = false,
                                       .exclusive = false,
                                       .hangup = false,
                                       .whole_mask = true,
                                       .descriptor = false,
                                       .pollable = false,
                                       .identity = Identity::number};
  static constexpr Capabilities io_uring{.edge = true,
                                         .exclusive = false,
                                         .hangup = true,
                                         .whole_mask = false,
                                         .descriptor = true,
                                         .pollable = false,
                                         .identity = Identity::held};
  switch (mechanism) {
    case Mechanism::epoll:
      return epoll;
    case Mechanism::poll:
      return poll;
    case Mechanism::select:
      return select;
    case Mechanism::io_uring:
      return io_uring;
    case Mechanism::io_uring_epoll:
      return epoll;  // Only its wait is another.
  }
  std::unreachable();
}

std::vector<World> worlds() {
  const auto running_linux = []() -> Kernel& { return LinuxKernel::shared(); };
  const auto in_user_space = []() -> Kernel& { return vkern::vkern_under_test(); };
  std::vector<World> all;
  for (const Mechanism mechanism : {Mechanism::epoll, Mechanism::poll, Mechanism::select,
                                    Mechanism::io_uring, Mechanism::io_uring_epoll}) {
    all.push_back({.kernel_name = "linux", .kernel = running_linux, .mechanism = mechanism});
    all.push_back({.kernel_name = "vkern", .kernel = in_user_space, .mechanism = mechanism});
  }
  return all;
}

std::vector<World> worlds_with(bool Capabilities::* capability) {
  std::vector<World> chosen = worlds();
  std::erase_if(chosen, [capability](const World& world) {
    return !(capabilities_of(world.mechanism).*capability);
  });
  return chosen;
}

std::string name_of(const testing::TestParamInfo<World>& world) {
  return std::string(world.param.kernel_name) + "_" +
         std::string(tocsin::name_of(world.param.mechanism));
}

void PrintTo(const World& world, std::ostream* out) {
  *out << tocsin::name_of(world.mechanism) << " on " << world.kernel_name;
}

void PrintTo(const Answer& answer, std::ostream* out) {
  struct Word {
    Ready bit;
    const char* name;
  };
  static constexpr std::array words{
      Word{Ready::read, "read"},     Word{Ready::priority, "priority"},
      Word{Ready::write, "write"},   Word{Ready::error, "error"},
      Word{Ready::hangup, "hangup"}, Word{Ready::read_hangup, "read_hangup"},
  };
  *out << answer.token << ":";
  for (const Word& word : words)
    if (any(answer.ready, word.bit)) *out << " " << word.name;
}

int code(const Result<>& result) { return result ? 0 : result.error().value(); }

void PollerContract::SetUp() {
  auto made = make_poller(kernel(), GetParam().mechanism);
  if (!made) {
    const Errno error = made.error();
    const bool forbidden = error == Errno{ENOSYS} || error == Errno{EPERM};
    const bool may_be_missing = GetParam().mechanism == Mechanism::io_uring ||
                                GetParam().mechanism == Mechanism::io_uring_epoll;
    ASSERT_TRUE(forbidden && may_be_missing) << error.name();
    GTEST_SKIP() << tocsin::name_of(GetParam().mechanism)
                 << " is not to be had here: " << error.name();
  }
  poller_ = std::move(*made);
}

std::unique_ptr<Poller> PollerContract::another() {
  return make_poller(kernel(), GetParam().mechanism).value();
}

Pair PollerContract::pipe() {
  const auto ends = kernel().pipe2(O_NONBLOCK | O_CLOEXEC).value();
  return {Fd(kernel(), ends[0]), Fd(kernel(), ends[1])};
}

Pair PollerContract::sockets(int type) {
  const auto ends = kernel().socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0).value();
  return {Fd(kernel(), ends[0]), Fd(kernel(), ends[1])};
}

Fd PollerContract::counter(unsigned initial) {
  return Fd(kernel(), kernel().eventfd(initial, O_NONBLOCK | O_CLOEXEC).value());
}

void PollerContract::put(const Fd& fd, std::size_t size) {
  const std::vector<std::byte> bytes(size, std::byte{'x'});
  EXPECT_EQ(kernel().write(fd.get(), bytes), size);
}

std::size_t PollerContract::take(const Fd& fd, std::size_t size) {
  std::vector<std::byte> bytes(size);
  const auto count = kernel().read(fd.get(), bytes);
  EXPECT_TRUE(count || count.error() == Errno::again);
  return count.value_or(0);
}

void PollerContract::bump(const Fd& eventfd) {
  const std::uint64_t one = 1;
  EXPECT_TRUE(kernel().write(eventfd.get(), std::as_bytes(std::span(&one, 1))));
}

void PollerContract::drain(const Fd& eventfd) {
  std::uint64_t count = 0;
  EXPECT_TRUE(kernel().read(eventfd.get(), std::as_writable_bytes(std::span(&count, 1))));
}

Result<> PollerContract::add(int fd, Ready interest, Mode mode, std::uint64_t token) {
  return poller_->add(fd, interest, mode, Token{token});
}

Result<> PollerContract::modify(int fd, Ready interest, Mode mode, std::uint64_t token) {
  return poller_->modify(fd, interest, mode, Token{token});
}

void PollerContract::watch(const Fd& fd, Ready interest, Mode mode, std::uint64_t token) {
  EXPECT_EQ(code(add(fd.get(), interest, mode, token)), 0) << "token " << token;
}

Answers PollerContract::wait_on(Poller& poller, std::optional<Duration> timeout, std::size_t room) {
  std::vector<Event> events(room);
  const auto filled = poller.wait(events, timeout);
  if (!filled) {
    ADD_FAILURE() << "wait: " << filled.error().name();
    return {};
  }
  Answers answers;
  for (const Event& event : *filled)
    answers.push_back({std::to_underlying(event.token), event.ready});
  return answers;
}

Answers PollerContract::look(std::size_t room) { return wait_on(*poller_, 0ns, room); }

Duration PollerContract::now() {
  const timespec time = kernel().clock_gettime(CLOCK_MONOTONIC).value();
  return std::chrono::seconds{time.tv_sec} + Duration{time.tv_nsec};
}

Answers PollerContract::next(std::optional<Duration> timeout, std::size_t room) {
  const Duration begin = now();
  while (now() - begin < patience)
    if (Answers answers = wait_on(*poller_, timeout, room); !answers.empty()) return answers;
  return {};
}

bool PollerContract::waits_out(Duration timeout) {
  bool lasted = false;
  std::jthread([&] {
    const Duration start = now();
    EXPECT_EQ(wait_on(*poller_, timeout), Answers{});
    lasted = now() - start >= timeout;
  }).join();
  return lasted;
}

}  // namespace tocsin::contract
