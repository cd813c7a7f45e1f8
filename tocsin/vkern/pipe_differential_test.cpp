// SPDX-License-Identifier: MIT
//
// Pipes, FIFOs and the epolls that watch them, held against the running Linux: random calls, the
// same on both, and every answer has to be the same: numbers, errno, bytes, masks, and the events
// of epoll_wait(2) in their order.
//
// Method: a sequence is a list of ops that name descriptors by symbols (the n-th that was made), so
// any part of a sequence is a sequence too. Each op writes down what it answered; the first line
// that differs is a failure, which is shrunk by leaving out ops as long as something differs still.
// Nothing blocks: every description is O_NONBLOCK before it is used. TOCSIN_SEED=n begins with the
// n-th sequence, TOCSIN_SEQUENCES=n runs so many.
#include <sys/ioctl.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "tocsin/base/prng.hpp"
#include "tocsin/vkern/pipe_testing.hpp"

namespace tocsin::vkern {
namespace {

enum class Kind {
  pipe,
  fifo,
  close,
  dup,
  write,
  read,
  unread,
  get_flags,
  set_flags,
  get_size,
  set_size,
  epoll,
  add,
  modify,
  remove,
  wait,
  poll,
};
constexpr std::size_t kinds = 17;
constexpr std::array<const char*, kinds> names{
    "pipe",     "fifo",     "close", "dup", "write",  "read",   "unread", "get_flags", "set_flags",
    "get_size", "set_size", "epoll", "add", "modify", "remove", "wait",   "poll"};
// How often each comes, in a thousand or so.
constexpr std::array<std::uint64_t, kinds> weights{30, 40, 50, 15, 220, 180, 20,  10, 20,
                                                   10, 25, 10, 80, 30,  15,  180, 30};

struct Op {
  Kind kind;
  std::uint64_t fd;     // A symbol, modulo how many there are.
  std::uint64_t epoll;  // As well, among the epolls.
  std::uint64_t value;  // A length, flags or a mask, as the kind says.
};

// ---- generating ---------------------------------------------------------------------------------

template <std::size_t n>
std::uint64_t one_of(Prng& prng, const std::array<std::uint64_t, n>& pool) {
  return pool[prng.below(n)];
}

std::uint64_t length(Prng& prng) {
  constexpr std::array<std::uint64_t, 20> edges{0,    1,    2,     100,   2047,  2048, 2049,
                                                4000, 4095, 4096,  4097,  5000,  8191, 8192,
                                                8193, 9000, 32768, 65535, 65536, 65537};
  return prng.chance(1, 4) ? prng.below(5000) : one_of(prng, edges);
}

std::uint64_t interest(Prng& prng) {
  constexpr std::array<std::uint64_t, 11> bits{EPOLLIN,    EPOLLIN,     EPOLLIN,     EPOLLOUT,
                                               EPOLLOUT,   EPOLLRDNORM, EPOLLWRNORM, EPOLLPRI,
                                               EPOLLRDHUP, EPOLLHUP,    EPOLLRDBAND};
  std::uint64_t mask = 0;
  for (std::uint64_t left = prng.below(4); left > 0; --left) mask |= one_of(prng, bits);
  if (prng.chance(1, 2)) mask |= EPOLLET;
  if (prng.chance(1, 8)) mask |= EPOLLONESHOT;
  if (prng.chance(1, 8)) mask |= EPOLLEXCLUSIVE;
  return mask;
}

std::uint64_t value_for(Kind kind, Prng& prng) {
  constexpr std::array<std::uint64_t, 8> pipe_flags{
      O_NONBLOCK, O_NONBLOCK, 0, O_CLOEXEC, O_DIRECT, O_NONBLOCK | O_DIRECT, O_APPEND, O_EXCL};
  constexpr std::array<std::uint64_t, 8> fifo_flags{
      O_RDONLY, O_RDONLY, O_WRONLY, O_WRONLY, O_RDWR, O_ACCMODE, O_RDWR | O_DIRECT, O_DIRECT};
  constexpr std::array<std::uint64_t, 5> set_flags{0, O_DIRECT, O_APPEND, O_ASYNC, O_SYNC};
  constexpr std::array<std::uint64_t, 12> sizes{0,     1,     4096,  4097,      8192,      16384,
                                                32768, 65536, 65537, 1U << 20U, 1U << 31U, ~0U};
  constexpr std::array<std::uint64_t, 5> rooms{0, 1, 2, 3, 16};
  switch (kind) {
    case Kind::pipe:
      return one_of(prng, pipe_flags);
    case Kind::fifo:
      return one_of(prng, fifo_flags) | O_NONBLOCK;
    case Kind::write:
    case Kind::read:
      return length(prng);
    case Kind::set_flags:
      return one_of(prng, set_flags) | O_NONBLOCK;
    case Kind::set_size:
      return one_of(prng, sizes);
    case Kind::add:
    case Kind::modify:
      return interest(prng);
    case Kind::wait:
      return one_of(prng, rooms);
    default:
      return prng.next();
  }
}

// A sequence has a character: some kinds of ops never come in it, and few or many symbols do.
std::vector<Op> generate(std::uint64_t seed) {
  Prng prng(seed);
  auto chosen = weights;
  for (std::uint64_t& weight : chosen)
    if (prng.chance(1, 6)) weight = 0;
  chosen[static_cast<std::size_t>(prng.below(2))] += 10;  // Pipes or FIFOs there must be.
  std::uint64_t sum = 0;
  for (const std::uint64_t weight : chosen) sum += weight;
  std::vector<Op> ops;
  for (std::uint64_t left = 10 + prng.below(150); left > 0; --left) {
    std::uint64_t at = prng.below(sum);
    std::size_t kind = 0;
    while (at >= chosen[kind]) at -= chosen[kind++];
    const auto as_kind = static_cast<Kind>(kind);
    ops.push_back({as_kind, prng.next(), prng.next(), value_for(as_kind, prng)});
  }
  return ops;
}

// ---- running ------------------------------------------------------------------------------------

// One kernel's half of a comparison.
class Replay {
 public:
  explicit Replay(PipeSubject& subject) : subject_(subject), kernel_(subject.kernel()) {
    epolls_.push_back(*kernel_.epoll_create1(EPOLL_CLOEXEC));
  }
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;
  ~Replay() {
    for (const int fd : fds_) static_cast<void>(kernel_.close(fd));
    for (const int fd : epolls_) static_cast<void>(kernel_.close(fd));
  }

  /// Does it, and tells in words what it answered.
  std::string apply(const Op& op);

 private:
  int fd_of(const Op& op) const {
    return fds_.empty() ? -1 : fds_[static_cast<std::size_t>(op.fd % fds_.size())];
  }
  int epoll_of(const Op& op) const {
    return epolls_[static_cast<std::size_t>(op.epoll % epolls_.size())];
  }
  static long answer(const Result<int>& result) {
    return result ? *result : -result.error().value();
  }
  static long answer(const Result<>& result) { return result ? 0 : -result.error().value(); }

  std::string pipe(const Op& op);
  std::string add_fd(const Result<int>& made);
  std::string close(const Op& op);
  std::string write(const Op& op);
  std::string read(const Op& op);
  std::string unread(const Op& op);
  std::string get_flags(const Op& op);
  std::string control(int operation, const Op& op);
  std::string wait(const Op& op);
  std::string poll(const Op& op);

  PipeSubject& subject_;
  Kernel& kernel_;
  std::vector<int> fds_;  // By symbol; -1 once closed.
  std::vector<int> epolls_;
  unsigned char next_byte_ = 0;
};

std::string Replay::pipe(const Op& op) {
  const auto ends = kernel_.pipe2(static_cast<int>(op.value));
  if (!ends) return std::to_string(-ends.error().value());
  std::ostringstream told;
  for (const int fd : *ends) {
    fds_.push_back(fd);
    told << answer(kernel_.fcntl(fd, F_GETFD, 0)) << ' ' << answer(kernel_.fcntl(fd, F_GETFL, 0))
         << ' ' << answer(kernel_.fcntl(fd, F_SETFL, static_cast<int>(op.value) | O_NONBLOCK))
         << ' ';
  }
  return told.str();
}

std::string Replay::add_fd(const Result<int>& made) {
  if (!made) return std::to_string(-made.error().value());
  fds_.push_back(*made);
  return "made";
}

std::string Replay::close(const Op& op) {
  const long told = answer(kernel_.close(fd_of(op)));
  if (!fds_.empty()) fds_[static_cast<std::size_t>(op.fd % fds_.size())] = -1;
  return std::to_string(told);
}

std::string Replay::write(const Op& op) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(op.value));
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(next_byte_ += 7);
  return std::to_string(kernel_.write(fd_of(op), bytes).as_kernel());
}

std::string Replay::read(const Op& op) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(op.value));
  const Count count = kernel_.read(fd_of(op), bytes);
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < count.value_or(0); ++i)
    sum = sum * 31 + std::to_integer<std::uint32_t>(bytes[i]);
  return std::to_string(count.as_kernel()) + " sum " + std::to_string(sum);
}

std::string Replay::unread(const Op& op) {
  int bytes = -1;
  const long told = answer(kernel_.ioctl(fd_of(op), FIONREAD, &bytes));
  return std::to_string(told) + " bytes " + std::to_string(bytes);
}

// O_LARGEFILE, which openat(2) adds on its own, is no business of the pipe's.
std::string Replay::get_flags(const Op& op) {
  constexpr long large_file = 0100000;
  const long flags = answer(kernel_.fcntl(fd_of(op), F_GETFL, 0));
  return std::to_string(flags < 0 ? flags : flags & ~large_file);
}

std::string Replay::control(int operation, const Op& op) {
  epoll_event event{.events = static_cast<std::uint32_t>(op.value),
                    .data = {.u64 = fds_.empty() ? 0 : op.fd % fds_.size()}};
  return std::to_string(answer(kernel_.epoll_ctl(epoll_of(op), operation, fd_of(op), &event)));
}

std::string Replay::wait(const Op& op) {
  std::array<epoll_event, 16> room{};
  const auto events = std::span(room).first(static_cast<std::size_t>(op.value));
  const Count count = kernel_.epoll_wait(epoll_of(op), events, 0);
  std::ostringstream told;
  told << count.as_kernel();
  for (const epoll_event& event : events.first(count.value_or(0)))
    told << " f" << event.data.u64 << ':' << std::hex << event.events << std::dec;
  return told.str();
}

std::string Replay::poll(const Op& op) {
  std::array<pollfd, 2> fds{pollfd{.fd = fd_of(op), .events = 0x7fdf, .revents = 0},
                            pollfd{.fd = fds_.empty() ? -1 : fds_.back(),
                                   .events = static_cast<short>(op.value & 0x7fdf),
                                   .revents = 0}};
  const timespec at_once{};
  const Count count = kernel_.ppoll(fds, &at_once);
  std::ostringstream told;
  told << count.as_kernel() << std::hex << ' ' << fds[0].revents << ' ' << fds[1].revents;
  return told.str();
}

std::string Replay::apply(const Op& op) {
  const int value = static_cast<int>(op.value);
  switch (op.kind) {
    case Kind::pipe:
      return pipe(op);
    case Kind::fifo:
      return add_fd(subject_.open_fifo(value));
    case Kind::close:
      return close(op);
    case Kind::dup:
      return add_fd(kernel_.dup(fd_of(op)));
    case Kind::write:
      return write(op);
    case Kind::read:
      return read(op);
    case Kind::unread:
      return unread(op);
    case Kind::get_flags:
      return get_flags(op);
    case Kind::set_flags:
      return std::to_string(answer(kernel_.fcntl(fd_of(op), F_SETFL, value)));
    case Kind::get_size:
      return std::to_string(answer(kernel_.fcntl(fd_of(op), F_GETPIPE_SZ, 0)));
    case Kind::set_size:
      return std::to_string(answer(kernel_.fcntl(fd_of(op), F_SETPIPE_SZ, value)));
    case Kind::epoll:
      if (epolls_.size() < 3) epolls_.push_back(*kernel_.epoll_create1(EPOLL_CLOEXEC));
      return "";
    case Kind::add:
      return control(EPOLL_CTL_ADD, op);
    case Kind::modify:
      return control(EPOLL_CTL_MOD, op);
    case Kind::remove:
      return control(EPOLL_CTL_DEL, op);
    case Kind::wait:
      return wait(op);
    case Kind::poll:
      return poll(op);
  }
  return "";
}

// ---- comparing ----------------------------------------------------------------------------------

/// What was done and answered up to the first difference; nullopt if there is none.
template <class P>
std::optional<std::string> difference(PipeSubject& on_linux, const std::vector<Op>& ops) {
  VirtualPipeSubject<P> in_vkern;
  Replay expected(on_linux);
  Replay found(in_vkern);
  std::ostringstream log;
  for (const Op& op : ops) {
    const std::string right = expected.apply(op);
    const std::string ours = found.apply(op);
    log << names[static_cast<std::size_t>(op.kind)] << " fd " << op.fd << " epoll " << op.epoll
        << " value 0x" << std::hex << op.value << std::dec << " -> " << right << '\n';
    if (ours != right) return log.str() + "vkern: " + ours + '\n';
  }
  return std::nullopt;
}

template <class P>
std::string shrunk(PipeSubject& on_linux, std::vector<Op> ops) {
  std::string words = difference<P>(on_linux, ops).value_or("it is gone");
  for (bool again = true; again;) {
    again = false;
    for (std::size_t i = ops.size(); i-- > 0;) {
      std::vector<Op> fewer = ops;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      const auto still = difference<P>(on_linux, fewer);
      if (!still) continue;
      ops = std::move(fewer);
      words = *still;
      again = true;
    }
  }
  return words;
}

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* const given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

template <class P>
class PipeDifferential : public testing::Test {};
using Policies = testing::Types<Single, Threads>;
TYPED_TEST_SUITE(PipeDifferential, Policies);

TYPED_TEST(PipeDifferential, AnyOrderOfCallsAnswersAsOnLinux) {
  std::signal(SIGPIPE, SIG_IGN);
  LinuxPipeSubject on_linux;
  const std::uint64_t first = number_from("TOCSIN_SEED", 1);
  const std::uint64_t count = number_from("TOCSIN_SEQUENCES", 1500);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const auto ops = generate(seed);
    if (!difference<TypeParam>(on_linux, ops)) continue;
    FAIL() << "TOCSIN_SEED=" << seed << '\n' << shrunk<TypeParam>(on_linux, ops);
  }
}

}  // namespace
}  // namespace tocsin::vkern
