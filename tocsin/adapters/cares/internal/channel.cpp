// SPDX-License-Identifier: MIT
#include "tocsin/adapters/cares/internal/channel.hpp"

#include <netinet/in.h>
#include <sys/time.h>

namespace tocsin::internal {
namespace {

Errno as_errno(int status) {
  switch (status) {
    case ARES_ENOTFOUND:
      return Errno{ENOENT};
    case ARES_ENODATA:
      return Errno{ENODATA};
    case ARES_ETIMEOUT:
      return Errno::timed_out;
    case ARES_ECONNREFUSED:
      return Errno{ECONNREFUSED};
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION:
      return Errno::cancelled;
    case ARES_ENOMEM:
      return Errno{ENOMEM};
    case ARES_EFILE:
      return Errno{EIO};
    case ARES_EBADNAME:
    case ARES_EBADFAMILY:
    case ARES_EBADSTR:
      return Errno::invalid;
    default:
      return Errno{EREMOTEIO};
  }
}

int as_family(AddressFamily family) {
  if (family == AddressFamily::ipv4) return AF_INET;
  return family == AddressFamily::ipv6 ? AF_INET6 : AF_UNSPEC;
}

// c-ares has a port only for the name of a service, which nobody gives it.
Address address_of(const ares_addrinfo_node& node, std::uint16_t port) {
  if (node.ai_family == AF_INET6) {
    sockaddr_in6 v6 = *reinterpret_cast<const sockaddr_in6*>(node.ai_addr);
    v6.sin6_port = htons(port);
    return Address::from(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  }
  sockaddr_in v4 = *reinterpret_cast<const sockaddr_in*>(node.ai_addr);
  v4.sin_port = htons(port);
  return Address::from(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
}

}  // namespace

// c-ares needs no ares_library_init on Linux: all that it does there is to name malloc's family.
Result<> CaresChannel::open(const ResolverOptions& options) {
  ares_options wishes{};
  wishes.timeout = static_cast<int>(options.timeout.count());
  wishes.tries = options.tries;
  wishes.sock_state_cb = &CaresChannel::on_socket_state;
  wishes.sock_state_cb_data = this;
  int which = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  char nowhere[] = "/dev/null";
  char by_servers[] = "b";
  if (!options.servers.empty()) {
    wishes.resolvconf_path = nowhere;
    wishes.lookups = by_servers;
    wishes.flags = ARES_FLAG_NOSEARCH;
    which |= ARES_OPT_RESOLVCONF | ARES_OPT_LOOKUPS | ARES_OPT_FLAGS;
  }
  if (const int status = ares_init_options(&channel_, &wishes, which); status != ARES_SUCCESS)
    return std::unexpected(as_errno(status));
  if (options.servers.empty()) return {};
  const int status = ares_set_servers_ports_csv(channel_, options.servers.c_str());
  if (status != ARES_SUCCESS) return std::unexpected(as_errno(status));
  return {};
}

CaresChannel::~CaresChannel() {
  if (channel_ != nullptr) ares_destroy(channel_);
}

void CaresChannel::ask(ResolveOperation& asker) {
  auto* const question = new CaresQuestion{.channel = this, .asker = &asker};
  asker.question_ = question;
  ++waiting_;
  ares_addrinfo_hints hints{};
  hints.ai_family = as_family(asker.family_);
  hints.ai_socktype = SOCK_STREAM;  // Else every address would come once for each type.
  // It may know the answer at once, and then has called back when this returns.
  ares_getaddrinfo(channel_, asker.name_.c_str(), nullptr, &hints, &CaresChannel::on_answer,
                   question);
  set_alarm();
}

// c-ares cannot take one question back, only all of them.
void CaresChannel::forget(CaresQuestion& question) {
  question.asker = nullptr;
  if (--waiting_ > 0) return;
  ares_cancel(channel_);
  set_alarm();
}

void CaresChannel::on_answer(void* argument, int status, int, ares_addrinfo* answer) {
  const std::unique_ptr<CaresQuestion> question(static_cast<CaresQuestion*>(argument));
  const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owned(answer,
                                                                           &ares_freeaddrinfo);
  if (question->asker != nullptr) question->channel->answered(*question, status, answer);
}

void CaresChannel::answered(CaresQuestion& question, int status, const ares_addrinfo* answer) {
  ResolveOperation& asker = *question.asker;
  --waiting_;
  asker.question_ = nullptr;
  asker.result_ = std::unexpected(as_errno(status));
  if (status == ARES_SUCCESS) {
    ResolveOperation::Addresses found;
    for (const auto* node = answer->nodes; node != nullptr; node = node->ai_next)
      found.push_back(address_of(*node, asker.port_));
    asker.result_ = std::move(found);
  }
  asker.resume_later();
}

// ---- c-ares' descriptors and time-outs ----------------------------------------------------------

void CaresChannel::on_socket_state(void* channel, ares_socket_t fd, int readable, int writable) {
  auto& self = *static_cast<CaresChannel*>(channel);
  Ready interest = Ready::none;
  if (readable != 0) interest |= Ready::read;
  if (writable != 0) interest |= Ready::write;
  if (interest == Ready::none) return self.unwatch(fd);
  // If it cannot be watched, the question ends by its time-out.
  static_cast<void>(self.watch(fd, interest));
}

void CaresChannel::on_ready(int fd, Ready ready) {
  const ares_socket_t writable = any(ready, Ready::write) ? fd : ARES_SOCKET_BAD;
  const bool reads = any(ready, Ready::read | Ready::error | Ready::hangup);
  process(reads ? fd : ARES_SOCKET_BAD, writable);
}

void CaresChannel::process(ares_socket_t readable, ares_socket_t writable) {
  ares_process_fd(channel_, readable, writable);
  set_alarm();
}

void CaresChannel::set_alarm() {
  timeval room{};
  const timeval* const left = ares_timeout(channel_, nullptr, &room);
  if (left == nullptr) return call_never();
  // c-ares cuts what is left to milliseconds: one more, so that the time is over for it, too.
  call_after(std::chrono::seconds(left->tv_sec) + std::chrono::microseconds(left->tv_usec) +
             std::chrono::milliseconds(1));
}

}  // namespace tocsin::internal
