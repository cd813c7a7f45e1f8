// SPDX-License-Identifier: MIT
#include "tocsin/net/ping.hpp"

#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>

#include "tocsin/base/prng.hpp"
#include "tocsin/net/icmp.hpp"
#include "tocsin/net/internal/error_queue.hpp"
#include "tocsin/net/internal/socket_option.hpp"
#include "tocsin/net/udp.hpp"
#include "tocsin/source/fallible_operation.hpp"

namespace tocsin {
namespace {

using internal::set_option;

struct IcmpSocket {
  Fd fd;
  PingKind kind;
};

Result<IcmpSocket> icmp_socket(Kernel& kernel, sa_family_t family) {
  const int protocol = family == AF_INET ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
  const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  auto datagram = own(kernel, kernel.socket(family, SOCK_DGRAM | flags, protocol));
  if (datagram) return IcmpSocket{std::move(*datagram), PingKind::datagram};
  if (datagram.error() != Errno{EACCES}) return std::unexpected(datagram.error());
  auto raw = own(kernel, kernel.socket(family, SOCK_RAW | flags, protocol));
  if (raw) return IcmpSocket{std::move(*raw), PingKind::raw};
  // Two refusals make one: the one that can be lifted without a capability.
  const bool refused = raw.error() == Errno::not_permitted;
  return std::unexpected(refused ? datagram.error() : raw.error());
}

// Of a raw socket: echo replies are all that is of interest (raw(7), ICMP_FILTER; RFC 3542, 3.2).
Result<> pass_replies_only(Kernel& kernel, int fd, sa_family_t family) {
  if (family == AF_INET) {
    const icmp_filter filter{.data = ~(1u << ICMP_ECHOREPLY)};
    return set_option(kernel, fd, SOL_RAW, ICMP_FILTER, filter);
  }
  icmp6_filter filter{};
  ICMP6_FILTER_SETBLOCKALL(&filter);
  ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
  return set_option(kernel, fd, IPPROTO_ICMPV6, ICMP6_FILTER, filter);
}

// Errors that were sent back are queued, with the request they are about (ip(7), IP_RECVERR).
Result<> queue_errors(Kernel& kernel, int fd, sa_family_t family) {
  return family == AF_INET ? set_option(kernel, fd, IPPROTO_IP, IP_RECVERR, 1)
                           : set_option(kernel, fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
}

Result<Fd> prepared(Kernel& kernel, IcmpSocket socket, const Address& target) {
  const int fd = socket.fd.get();
  if (socket.kind == PingKind::raw)
    if (auto done = pass_replies_only(kernel, fd, target.family()); !done)
      return std::unexpected(done.error());
  if (auto done = queue_errors(kernel, fd, target.family()); !done)
    return std::unexpected(done.error());
  if (auto done = kernel.connect(fd, target.data(), target.size()); !done)
    return std::unexpected(done.error());
  return std::move(socket.fd);
}

Result<TimePoint> now(Kernel& kernel) {
  const auto time = kernel.clock_gettime(CLOCK_MONOTONIC);
  if (!time) return std::unexpected(time.error());
  return TimePoint(std::chrono::seconds(time->tv_sec) + std::chrono::nanoseconds(time->tv_nsec));
}

}  // namespace

// ---- what an echo needs -------------------------------------------------------------------------

/// What the error queue held.
struct Reports {
  bool any = false;
  std::optional<Errno> of_last;  // About the last request.
};

struct Ping::State {
  std::unique_ptr<FdSource> source;
  PingKind kind = PingKind::datagram;
  sa_family_t family = AF_UNSPEC;
  std::uint16_t identifier = 0;    // Of a datagram socket the kernel puts its own in its place.
  std::uint16_t sequence = 0;      // Of the request that was sent last.
  std::vector<std::byte> request;  // The message that is sent.

  ByteView payload() const { return ByteView(request).subspan(IcmpEcho::header_size); }

  /// Whether `message` is the reply to the last request; if not `reply`, its copy in an error.
  bool is_mine(ByteView message, bool reply) const;

  /// Empties the error queue: what is in it makes the socket ready, and the next send fail.
  Reports take_reports() const;
};

Reports Ping::State::take_reports() const {
  std::array<std::byte, 128> original;  // The request's beginning; routers send back little of it.
  Reports reports;
  while (const auto entry = internal::read_error_queue(*source, original)) {
    reports.any = true;
    const ByteView sent = ByteView(original).first(entry->size);
    if (entry->what.ee_errno != 0 && is_mine(sent, false))
      reports.of_last = Errno{static_cast<int>(entry->what.ee_errno)};
  }
  return reports;
}

/// Waits for the reply to the last request, and drops everything else.
class [[nodiscard]] Ping::Receive final : public FallibleOperation<Direction::read> {
 public:
  explicit Receive(const State& ping) : FallibleOperation(*ping.source), ping_(ping) {}
  Receive(Receive&&) = default;

  /// When it came.
  Result<TimePoint> await_resume() const { return result(received_); }

 private:
  bool attempt() override;
  bool look_at(ByteView packet);
  bool look_for_reason(Errno error);

  const State& ping_;
  TimePoint received_;
};

// A reply holds all of the payload; an error as much of the request as its sender liked, and
// possibly something of its own behind it (RFC 4884).
bool Ping::State::is_mine(ByteView message, bool reply) const {
  const auto echo = parse_echo(family, message);
  if (!echo || echo->is_reply != reply || echo->sequence != sequence) return false;
  if (kind == PingKind::raw && echo->identifier != identifier) return false;
  const ByteView sent = payload();
  if (reply) return std::ranges::equal(echo->payload, sent);
  const std::size_t common = std::min(sent.size(), echo->payload.size());
  return std::ranges::equal(echo->payload.first(common), sent.first(common));
}

bool Ping::Receive::attempt() {
  FdSource& from = source();
  Buffer buffer = from.loop().buffers().take();
  while (from.may_spend()) {
    const auto count = from.kernel().recv(from.fd(), buffer.room(), 0);
    if (!count && count.error() == Errno::again) {
      from.blocked(Direction::read);
      return false;
    }
    from.spend(count.value_or(0));
    if (!count && look_for_reason(count.error())) return true;
    if (count && look_at(ByteView(buffer.room()).first(*count))) return true;
  }
  return false;
}

// True if it is the reply. A raw socket of IPv4 gives the packet with its header (raw(7)), and
// before the kernel has looked at the checksum.
bool Ping::Receive::look_at(ByteView packet) {
  std::optional<ByteView> message = packet;
  const bool with_header = ping_.kind == PingKind::raw && ping_.family == AF_INET;
  if (with_header) message = payload_of_ipv4(packet);
  if (!message || (with_header && internet_checksum(*message) != 0)) return false;
  if (!ping_.is_mine(*message, true)) return false;
  const auto time = now(source().kernel());
  if (time)
    received_ = *time;
  else
    fail(time.error());
  return true;
}

// True if `error` ends the wait: because it was reported of the last request, or of none.
bool Ping::Receive::look_for_reason(Errno error) {
  const Reports reports = ping_.take_reports();
  if (reports.of_last)
    fail(*reports.of_last);
  else if (!reports.any)
    fail(error);
  return has_failed();
}

// ---- Ping ---------------------------------------------------------------------------------------

Result<Ping> Ping::create(Loop& loop, const Address& target, const PingOptions& options,
                          std::source_location where) {
  const sa_family_t family = target.family();
  if (family != AF_INET && family != AF_INET6) return std::unexpected(Errno{EAFNOSUPPORT});
  Kernel& kernel = loop.kernel();
  const auto seed = now(kernel);
  if (!seed) return std::unexpected(seed.error());
  auto socket = icmp_socket(kernel, family);
  if (!socket) return std::unexpected(socket.error());
  const PingKind kind = socket->kind;
  auto fd = prepared(kernel, std::move(*socket), target);
  if (!fd) return std::unexpected(fd.error());
  auto source = FdSource::create(loop, std::move(*fd), "ping", where);
  if (!source) return std::unexpected(source.error());

  // The payload is what no other program sends, however alike the identifiers are.
  Prng random(static_cast<std::uint64_t>(seed->time_since_epoch().count()));
  std::vector<std::byte> request(IcmpEcho::header_size + options.payload_size);
  std::ranges::generate(request, [&] { return static_cast<std::byte>(random.next()); });
  return Ping(std::make_unique<State>(State{.source = std::move(*source),
                                            .kind = kind,
                                            .family = family,
                                            .identifier = static_cast<std::uint16_t>(random.next()),
                                            .request = std::move(request)}));
}

Ping::Ping(std::unique_ptr<State> state) : state_(std::move(state)) {}
Ping::Ping(Ping&&) noexcept = default;
Ping::~Ping() = default;

PingKind Ping::kind() const { return state_->kind; }

Task<Result<EchoReply>> Ping::echo() { return echo_once(*state_); }

Task<Result<EchoReply>> Ping::echo_once(State& state) {
  static_cast<void>(state.take_reports());  // They are about requests that nobody waits for.
  ++state.sequence;
  const IcmpEcho echo{
      .identifier = state.identifier, .sequence = state.sequence, .payload = state.payload()};
  write_echo(state.family, echo, state.request);
  const auto begin = now(state.source->kernel());
  if (!begin) co_return std::unexpected(begin.error());
  const auto sent = co_await SendOperation(*state.source, state.request, Address());
  if (!sent) co_return std::unexpected(sent.error());
  const auto received = co_await Receive(state);
  if (!received) co_return std::unexpected(received.error());
  co_return EchoReply{
      .sequence = state.sequence, .size = state.payload().size(), .round_trip = *received - *begin};
}

}  // namespace tocsin
