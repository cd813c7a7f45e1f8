// SPDX-License-Identifier: MIT
//
// The network of a process that performs sequences of TCP and UDP; addresses in it.
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/differential/names.hpp"
#include "tests/differential/ops_inet.hpp"

namespace tocsin::differential {
namespace {

// Above those that only root may take, below those that are drawn.
constexpr unsigned first_port = 1024;
constexpr unsigned ports_each = 4;
constexpr unsigned port_groups = 7000;

constexpr std::int64_t most_sent = 1000;

// All on one processor: what is sent over the loopback is delivered by the processor that sends it.
// Several processes choose different ones.
bool stay_on_one_processor() {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return false;
  int left = ::getpid() % CPU_COUNT(&allowed);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || left-- > 0) continue;
    CPU_ZERO(&allowed);
    CPU_SET(cpu, &allowed);
    return ::sched_setaffinity(0, sizeof allowed, &allowed) == 0;
  }
  return false;
}

bool raise_loopback() {
  const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq loopback{.ifr_ifrn = {.ifrn_name = "lo"}, .ifr_ifru = {}};
  loopback.ifr_flags = IFF_UP;
  const bool done = ::ioctl(any, SIOCSIFFLAGS, &loopback) == 0;
  ::close(any);
  return done;
}

// rtnetlink(7): a route with its destination, its device, its source and one metric.
struct RouteRequest {
  nlmsghdr header;
  rtmsg route;
  rtattr to_header;
  std::uint32_t to;
  rtattr device_header;
  int device;
  rtattr source_header;
  std::uint32_t source;
  rtattr metrics_header;
  rtattr quickack_header;
  std::uint32_t quickack;
};

bool acknowledge_at_once(int routes, std::uint32_t network, unsigned char bits) {
  if (routes == -1) return false;
  constexpr unsigned short four_bytes = RTA_LENGTH(sizeof(std::uint32_t));
  const RouteRequest request{
      .header = {.nlmsg_len = sizeof request,
                 .nlmsg_type = RTM_NEWROUTE,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_REPLACE | NLM_F_CREATE | NLM_F_ACK,
                 .nlmsg_seq = 0,
                 .nlmsg_pid = 0},
      .route = {.rtm_family = AF_INET,
                .rtm_dst_len = bits,
                .rtm_src_len = 0,
                .rtm_tos = 0,
                .rtm_table = RT_TABLE_LOCAL,
                .rtm_protocol = RTPROT_KERNEL,
                .rtm_scope = RT_SCOPE_HOST,
                .rtm_type = RTN_LOCAL,
                .rtm_flags = 0},
      .to_header = {four_bytes, RTA_DST},
      .to = htonl(network),
      .device_header = {four_bytes, RTA_OIF},
      .device = 1,  // The loopback is the first of every network.
      .source_header = {four_bytes, RTA_PREFSRC},
      .source = htonl(INADDR_LOOPBACK),
      .metrics_header = {RTA_LENGTH(four_bytes), RTA_METRICS},
      .quickack_header = {four_bytes, RTAX_QUICKACK},
      .quickack = 1};
  struct {
    nlmsghdr header;
    nlmsgerr error;
  } answer{};
  return ::send(routes, &request, sizeof request, 0) == sizeof request &&
         ::recv(routes, &answer, sizeof answer, MSG_TRUNC) >= static_cast<int>(sizeof answer) &&
         answer.error.error == 0;
}

}  // namespace

bool make_own_network() {
  if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
  if (!stay_on_one_processor() || !raise_loopback()) return false;
  const int routes = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  const bool done = acknowledge_at_once(routes, INADDR_LOOPBACK, 32) &&
                    acknowledge_at_once(routes, INADDR_LOOPBACK & IN_CLASSA_NET, 8);
  ::close(routes);
  return done;
}

int protocol_of(Side& side, int fd) {
  int protocol = -1;
  socklen_t length = sizeof protocol;
  static_cast<void>(side.kernel().getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length));
  return protocol;
}

std::int64_t sendable(Side& side, std::int64_t slot, std::int64_t count) {
  if (!side.is_in_network() || count <= most_sent) return count;
  return protocol_of(side, side.fd(slot)) == IPPROTO_TCP ? most_sent : count;
}

// ---- addresses ----------------------------------------------------------------------------------

InetAddress::InetAddress(std::int64_t host, std::int64_t which_port) {
  const unsigned group = first_port + sequence_number() % port_groups * ports_each;
  const unsigned port = which_port == 0 ? 0 : group + static_cast<unsigned>(which_port);
  address_.sin_family = AF_INET;
  address_.sin_port = htons(static_cast<std::uint16_t>(port));
  address_.sin_addr.s_addr = htonl(static_cast<std::uint32_t>(host));
}

std::optional<InetAddress> InetAddress::of(Side& side, std::int64_t slot) {
  InetAddress where;
  socklen_t length = where.size();
  if (!side.kernel().getsockname(side.fd(slot), where.get(), &length)) return std::nullopt;
  if (where.address_.sin_family != AF_INET) return std::nullopt;
  return where;
}

void InetAddress::tell(Side& side, int fd, socklen_t length, Answer& answer) const {
  answer.add("length", length);
  if (length < sizeof address_) return;
  answer.add("family", address_.sin_family);
  answer.add("host", ntohl(address_.sin_addr.s_addr));
  answer.add("port", side.name_of_port(protocol_of(side, fd), ntohs(address_.sin_port)));
}

// ---- the same in C ------------------------------------------------------------------------------

const char* const inet_prelude = R"(
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>

#define SECOND_HOST (INADDR_LOOPBACK + 1)
#define OTHER_HOST 0xC0000201
/* A network of our own, in which packets are delivered and acknowledged at once. */
static int acknowledge_at_once(int routes, unsigned network, unsigned char bits) {
  struct number { struct rtattr header; unsigned value; };
  struct { struct nlmsghdr header; struct rtmsg route; struct number to, device, source;
    struct rtattr metrics, quickack; unsigned one; } request = {
    {sizeof request, RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_REPLACE | NLM_F_CREATE | NLM_F_ACK, 0, 0},
    {AF_INET, bits, 0, 0, RT_TABLE_LOCAL, RTPROT_KERNEL, RT_SCOPE_HOST, RTN_LOCAL, 0},
    {{8, RTA_DST}, htonl(network)}, {{8, RTA_OIF}, 1},
    {{8, RTA_PREFSRC}, htonl(INADDR_LOOPBACK)}, {12, RTA_METRICS}, {8, RTAX_QUICKACK}, 1};
  struct { struct nlmsghdr header; struct nlmsgerr error; } answer = {0};
  return send(routes, &request, sizeof request, 0) > 0 &&
         recv(routes, &answer, sizeof answer, MSG_TRUNC) > 0 && !answer.error.error;
}
static int make_own_network(void) {
  struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) return 0;
  int any = socket(AF_INET, SOCK_DGRAM, 0), routes = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  in_network = !sched_setaffinity(0, sizeof one, &one) && !ioctl(any, SIOCSIFFLAGS, &loopback) &&
               acknowledge_at_once(routes, INADDR_LOOPBACK, 32) &&
               acknowledge_at_once(routes, INADDR_LOOPBACK & IN_CLASSA_NET, 8);
  close(any);
  close(routes);
  return in_network;
}
static inline int protocol_of(int fd) {
  int protocol = -1;
  socklen_t length = sizeof protocol;
  getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length);
  return protocol;
}
static inline struct sockaddr_in inet_address(long long host, long long which_port) {
  unsigned short port = (unsigned short)(which_port ? 1028 + which_port : 0);
  return (struct sockaddr_in){AF_INET, htons(port), {htonl((unsigned)host)}, {0}};
}
static inline int where_is(int fd, struct sockaddr_in *address) {
  socklen_t length = sizeof *address;
  return !getsockname(fd, (struct sockaddr *)address, &length) && address->sin_family == AF_INET;
}
static inline unsigned name_of_port(int protocol, unsigned port) {
  static unsigned known[1000], count;
  unsigned i = 0, key = (unsigned)protocol << 16 | port;
  if (port == 0) return 0;
  while (i < count && known[i] != key) i++;
  if (i == count) known[count++] = key;
  return i + 1;
}
static inline void say_inet(int fd, const struct sockaddr_in *address, socklen_t length) {
  number("length", length);
  if (length < sizeof *address) return;
  number("family", address->sin_family);
  number("host", ntohl(address->sin_addr.s_addr));
  number("port", name_of_port(protocol_of(fd), ntohs(address->sin_port)));
}
)";

}  // namespace tocsin::differential
