// SPDX-License-Identifier: MIT
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/un.h>

// After <sys/socket.h>, whose sa_family_t it takes for granted.
#include <linux/vm_sockets.h>

#include "cli/kind.hpp"

namespace tocsin::cli {
namespace {

constexpr int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;

template <int domain, int type, int protocol = 0>
Result<Specimen> make_socket(Kernel& kernel) {
  return specimen(kernel, kernel.socket(domain, type | flags, protocol));
}

template <int type>
Result<Specimen> make_pair(Kernel& kernel) {
  const auto both = kernel.socketpair(AF_UNIX, type | flags, 0);
  if (!both) return std::unexpected(both.error());
  const Fd other(kernel, (*both)[1]);
  return Specimen(Fd(kernel, (*both)[0]));
}

template <int domain, int type, int level, int option>
Result<Specimen> with_option(Kernel& kernel) {
  auto fd = own(kernel, kernel.socket(domain, type | flags, 0));
  if (!fd) return std::unexpected(fd.error());
  const int on = 1;
  if (auto set = kernel.setsockopt(fd->get(), level, option, &on, sizeof on); !set)
    return std::unexpected(set.error());
  return Specimen(std::move(*fd));
}

// Joins the group that the kernel's own messages go to.
template <int protocol, unsigned group>
Result<Specimen> make_netlink(Kernel& kernel) {
  auto fd = own(kernel, kernel.socket(AF_NETLINK, SOCK_RAW | flags, protocol));
  if (!fd) return std::unexpected(fd.error());
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = group;
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (auto bound = kernel.bind(fd->get(), generic, sizeof address); !bound)
    return std::unexpected(bound.error());
  return Specimen(std::move(*fd));
}

// Bound to this machine, as a server for its own programs would be.
Result<Specimen> make_vsock_loopback(Kernel& kernel) {
  auto fd = own(kernel, kernel.socket(AF_VSOCK, SOCK_STREAM | flags, 0));
  if (!fd) return std::unexpected(fd.error());
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_LOCAL;
  address.svm_port = VMADDR_PORT_ANY;
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (auto bound = kernel.bind(fd->get(), generic, sizeof address); !bound)
    return std::unexpected(bound.error());
  return Specimen(std::move(*fd));
}

// The protocol is looked up before the connection, which there is none of: so ENOTCONN is a yes.
Result<Specimen> make_ktls(Kernel& kernel) {
  auto fd = own(kernel, kernel.socket(AF_INET, SOCK_STREAM | flags, 0));
  if (!fd) return std::unexpected(fd.error());
  constexpr std::string_view name = "tls";
  const auto set = kernel.setsockopt(fd->get(), IPPROTO_TCP, TCP_ULP, name.data(), name.size());
  if (!set && set.error() != Errno{ENOTCONN}) return std::unexpected(set.error());
  return Specimen(std::move(*fd));
}

constexpr std::string_view no_ipv6 = "this kernel has no IPv6 (CONFIG_IPV6)";
constexpr std::string_view raw = "needs CAP_NET_RAW";
constexpr std::string_view no_vsock = "this kernel has no vsock (CONFIG_VSOCKETS)";

}  // namespace

std::vector<Kind> socket_kinds() {
  return {
      {"tcp", "tcp(7)", make_socket<AF_INET, SOCK_STREAM>},
      {"tcp6", "ipv6(7)", make_socket<AF_INET6, SOCK_STREAM>, {{EAFNOSUPPORT, no_ipv6}}},
      {"mptcp",
       "socket(2)",
       make_socket<AF_INET, SOCK_STREAM, IPPROTO_MPTCP>,
       {{EPROTONOSUPPORT, "this kernel has no MPTCP (CONFIG_MPTCP)"},
        {ENOPROTOOPT, "switched off: sysctl net.mptcp.enabled"}}},
      {"udp", "udp(7)", make_socket<AF_INET, SOCK_DGRAM>},
      {"udp gso",
       "udp(7)",
       with_option<AF_INET, SOCK_DGRAM, IPPROTO_UDP, UDP_SEGMENT>,
       {{ENOPROTOOPT, "since Linux 4.18"}},
       "many datagrams in one send"},
      {"udp gro",
       "udp(7)",
       with_option<AF_INET, SOCK_DGRAM, IPPROTO_UDP, UDP_GRO>,
       {{ENOPROTOOPT, "since Linux 5.0"}},
       "many datagrams in one receive"},
      {"zero-copy send",
       "socket(7)",
       with_option<AF_INET, SOCK_STREAM, SOL_SOCKET, SO_ZEROCOPY>,
       {{ENOPROTOOPT, "since Linux 4.14"}},
       "completions are events of the error queue"},
      {"kernel TLS",
       "tcp(7)",
       make_ktls,
       {{ENOENT, "this kernel has no TLS (CONFIG_TLS, module tls)"}}},
      {"unix stream", "unix(7)", make_socket<AF_UNIX, SOCK_STREAM>},
      {"unix datagram", "unix(7)", make_socket<AF_UNIX, SOCK_DGRAM>},
      {"unix seqpacket", "unix(7)", make_socket<AF_UNIX, SOCK_SEQPACKET>},
      {"socket pair", "socketpair(2)", make_pair<SOCK_STREAM>},
      {"packet", "packet(7)", make_socket<AF_PACKET, SOCK_RAW>, {{EPERM, raw}}},
      {"icmp",
       "icmp(7)",
       make_socket<AF_INET, SOCK_DGRAM, IPPROTO_ICMP>,
       {{EACCES, "your group is not in sysctl net.ipv4.ping_group_range; a raw socket will do"}}},
      {"icmp raw", "raw(7)", make_socket<AF_INET, SOCK_RAW, IPPROTO_ICMP>, {{EPERM, raw}}},
      {"netlink route", "rtnetlink(7)", make_netlink<NETLINK_ROUTE, 1>},
      {"uevents", "netlink(7)", make_netlink<NETLINK_KOBJECT_UEVENT, 1>},
      {"vsock",
       "vsock(7)",
       make_socket<AF_VSOCK, SOCK_STREAM>,
       {{EAFNOSUPPORT, no_vsock}, {ENODEV, no_vsock}}},
      {"vsock loopback",
       "vsock(7)",
       make_vsock_loopback,
       {{EAFNOSUPPORT, no_vsock},
        {ENODEV, no_vsock},
        {EADDRNOTAVAIL, "no transport for this machine itself (module vsock_loopback)"}}},
  };
}

}  // namespace tocsin::cli
