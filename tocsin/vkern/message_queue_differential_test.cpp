// SPDX-License-Identifier: MIT
//
// POSIX message queues and an epoll that watches them, held against the running Linux: random
// calls, the same on both, and every answer has to be the same.
//
// Method: hold_against_linux. Nothing blocks for longer than a deadline that has passed already.
#include <unistd.h>

#include <sstream>

#include "tocsin/base/prng.hpp"
#include "tocsin/vkern/differential_testing.hpp"
#include "tocsin/vkern/kernels_testing.hpp"

namespace tocsin::vkern {
namespace {

enum class Kind { open, unlink, close, send, receive, read, set_flags, watch, wait, poll };
constexpr std::size_t kinds = 10;
constexpr std::array<const char*, kinds> names{"mq_open", "mq_unlink", "close",   "mq_send",
                                               "mq_recv", "read",      "F_SETFL", "watch",
                                               "wait",    "poll"};
constexpr std::array<std::uint64_t, kinds> weights{90, 30, 30, 200, 150, 15, 15, 60, 120, 40};

struct Op {
  Kind kind;
  std::uint64_t fd;
  std::uint64_t name;
  std::uint64_t value;
  std::uint64_t other;
};

template <class T, std::size_t n>
T one_of(Prng& prng, const std::array<T, n>& pool) {
  return pool[prng.below(n)];
}

std::uint64_t value_for(Kind kind, Prng& prng) {
  constexpr std::array<std::uint64_t, 9> flags{
      O_RDWR | O_CREAT, O_RDWR | O_CREAT,          O_RDWR | O_CREAT,   O_RDONLY, O_WRONLY,
      O_RDWR,           O_RDWR | O_CREAT | O_EXCL, O_WRONLY | O_CREAT, O_ACCMODE};
  constexpr std::array<std::uint64_t, 6> lengths{0, 1, 7, 8, 9, 16};
  constexpr std::array<std::uint64_t, 8> interests{
      EPOLLIN,  EPOLLIN | EPOLLET,      EPOLLOUT | EPOLLET,    EPOLLIN | EPOLLOUT | EPOLLET,
      EPOLLOUT, EPOLLIN | EPOLLONESHOT, EPOLLRDNORM | EPOLLET, EPOLLWRNORM | EPOLLEXCLUSIVE};
  switch (kind) {
    case Kind::open:
      return one_of(prng, flags) | (prng.chance(1, 8) ? 0 : O_NONBLOCK);
    case Kind::send:
    case Kind::receive:
      return one_of(prng, lengths);
    case Kind::set_flags:
      return prng.chance(1, 2) ? O_NONBLOCK : 0;
    case Kind::watch:
      return one_of(prng, interests);
    default:
      return 1 + prng.below(3);
  }
}

std::vector<Op> generate(std::uint64_t seed) {
  Prng prng(seed);
  auto chosen = weights;
  for (std::uint64_t& weight : chosen)
    if (prng.chance(1, 6)) weight = 0;
  chosen[0] += 10;
  std::uint64_t sum = 0;
  for (const std::uint64_t weight : chosen) sum += weight;
  std::vector<Op> ops;
  for (std::uint64_t left = 10 + prng.below(150); left > 0; --left) {
    std::uint64_t at = prng.below(sum);
    std::size_t kind = 0;
    while (at >= chosen[kind]) at -= chosen[kind++];
    const auto as_kind = static_cast<Kind>(kind);
    ops.push_back({.kind = as_kind,
                   .fd = prng.next(),
                   .name = prng.below(12),
                   .value = value_for(as_kind, prng),
                   .other = prng.next()});
  }
  return ops;
}

class Replay {
 public:
  explicit Replay(Kernel& kernel) : kernel_(kernel) {
    epoll_ = *kernel_.epoll_create1(EPOLL_CLOEXEC);
  }
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;
  ~Replay() {
    for (const int fd : fds_) static_cast<void>(kernel_.close(fd));
    static_cast<void>(kernel_.close(epoll_));
    for (std::uint64_t i = 0; i < 3; ++i) static_cast<void>(kernel_.mq_unlink(name(i).c_str()));
  }

  std::string apply(const Op& op);

 private:
  template <class T>
  static std::string answer(const Result<T>& result) {
    if (!result) return std::string(result.error().name());
    if constexpr (std::is_void_v<T>)
      return "done";
    else
      return std::to_string(*result);
  }
  static std::string answer(const Count& count) { return answer(Result<std::size_t>(count)); }

  // Few are used often; the last ones are not to be had.
  static std::string name(std::uint64_t number) {
    if (number == 10) return "/a/b";
    if (number == 11) return "/" + std::string(256, 'x');
    return "/tocsin-" + std::to_string(::getpid()) + "-" + std::to_string(number % 3);
  }
  int fd_of(const Op& op) const { return fds_.empty() ? -1 : fds_[op.fd % fds_.size()]; }
  // One that has passed, or that is none.
  static const timespec* deadline(const Op& op) {
    static constexpr timespec passed{.tv_sec = 1, .tv_nsec = 0};
    static constexpr timespec bad{.tv_sec = 0, .tv_nsec = 1'000'000'000};
    return op.other % 16 == 0 ? &bad : &passed;
  }

  std::string open(const Op& op);
  std::string receive(const Op& op);
  std::string close(const Op& op);
  std::string wait(const Op& op);
  std::string mask(const Op& op);

  Kernel& kernel_;
  std::vector<int> fds_;
  int epoll_ = -1;
};

std::string Replay::open(const Op& op) {
  constexpr std::array<long, 5> messages{1, 2, 3, 10, 11};
  constexpr std::array<long, 4> sizes{8, 8, 1, 0};
  mq_attr attributes{};
  attributes.mq_maxmsg = messages[op.other % 32 == 0 ? 4 : op.other % 4];
  attributes.mq_msgsize = sizes[op.other % 37 == 0 ? 3 : op.other / 64 % 3];
  const auto made =
      kernel_.mq_open(name(op.name).c_str(), static_cast<int>(op.value), 0600, &attributes);
  if (!made) return answer(made);
  fds_.push_back(*made);
  return "made with " + answer(kernel_.fcntl(*made, F_GETFL, 0)) + " and " +
         answer(kernel_.fcntl(*made, F_GETFD, 0));
}

std::string Replay::receive(const Op& op) {
  std::array<std::byte, 16> room{};
  unsigned priority = 77;
  const Count count =
      kernel_.mq_timedreceive(fd_of(op), std::span(room).first(op.value), &priority, deadline(op));
  return answer(count) + " of " + std::to_string(priority) + " " + std::string(as_text(room));
}

std::string Replay::close(const Op& op) {
  if (fds_.empty()) return "none";
  const std::size_t which = op.fd % fds_.size();
  const int fd = fds_[which];
  fds_.erase(fds_.begin() + static_cast<std::ptrdiff_t>(which));
  return answer(kernel_.close(fd));
}

std::string Replay::wait(const Op& op) {
  std::array<epoll_event, 4> room{};
  const Count count = kernel_.epoll_wait(epoll_, std::span(room).first(op.value), 0);
  std::ostringstream told;
  told << answer(count);
  for (std::size_t i = 0; i < count.value_or(0); ++i)
    told << " [" << room[i].data.u64 << ' ' << std::hex << room[i].events << std::dec << ']';
  return told.str();
}

std::string Replay::mask(const Op& op) {
  pollfd one{.fd = fd_of(op), .events = 0x7fdf, .revents = 0};
  const timespec no_time{};
  static_cast<void>(kernel_.ppoll({&one, 1}, &no_time));
  return std::to_string(one.revents);
}

std::string Replay::apply(const Op& op) {
  switch (op.kind) {
    case Kind::open:
      return open(op);
    case Kind::unlink:
      return answer(kernel_.mq_unlink(name(op.name).c_str()));
    case Kind::close:
      return close(op);
    case Kind::send: {
      const std::string text(op.value, static_cast<char>('a' + op.other % 26));
      const unsigned priority = op.other % 50 == 0 ? 32768 : static_cast<unsigned>(op.other % 4);
      return answer(kernel_.mq_timedsend(fd_of(op), as_bytes(text), priority, deadline(op)));
    }
    case Kind::receive:
      return receive(op);
    case Kind::read: {
      std::array<std::byte, 100> room{};
      const Count count = kernel_.read(fd_of(op), room);
      return answer(count) + " " + std::string(as_text(room));
    }
    case Kind::set_flags:
      return answer(kernel_.fcntl(fd_of(op), F_SETFL, static_cast<int>(op.value)));
    case Kind::watch: {
      epoll_event event{.events = static_cast<std::uint32_t>(op.value),
                        .data = {.u64 = op.fd % 1000}};
      constexpr std::array operations{EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL};
      return answer(kernel_.epoll_ctl(epoll_, operations[op.other % 4], fd_of(op), &event));
    }
    case Kind::wait:
      return wait(op);
    default:
      return mask(op);
  }
}

std::string tell(const Op& op) {
  std::ostringstream told;
  told << names[static_cast<std::size_t>(op.kind)] << " fd " << op.fd % 1000 << " name " << op.name
       << " value " << std::hex << op.value << std::dec << " other " << op.other % 1000;
  return told.str();
}

// Empty where the machine lets this process have queues.
std::string reason_to_skip() {
  const auto made = LinuxKernel::shared().mq_open("/tocsin-probe", O_CREAT | O_RDWR, 0600, nullptr);
  if (!made) return "mq_open: " + std::string(made.error().message());
  static_cast<void>(LinuxKernel::shared().close(*made));
  static_cast<void>(LinuxKernel::shared().mq_unlink("/tocsin-probe"));
  return {};
}

template <class P>
Answers replay(const std::vector<Op>& ops, bool on_linux) {
  System<P> system;
  Kernel& kernel = on_linux ? static_cast<Kernel&>(LinuxKernel::shared()) : system.init();
  Replay on(kernel);
  Answers told;
  for (const Op& op : ops) told.push_back(on.apply(op));
  return told;
}

TEST(MessageQueueAgainstLinux, AnswersTheSameInASingleWorld) {
  if (const std::string reason = reason_to_skip(); !reason.empty()) GTEST_SKIP() << reason;
  hold_against_linux(1500, generate, replay<Single>, tell);
}

TEST(MessageQueueAgainstLinux, AnswersTheSameWithThreads) {
  if (const std::string reason = reason_to_skip(); !reason.empty()) GTEST_SKIP() << reason;
  hold_against_linux(500, generate, replay<Threads>, tell);
}

}  // namespace
}  // namespace tocsin::vkern
