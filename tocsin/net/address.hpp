// SPDX-License-Identifier: MIT
//
// Address: where a socket is, or is to be: IPv4, IPv6, UNIX, VSOCK.
//
//     "127.0.0.1:8080" ──> [ Address ] ──> bind(2), connect(2), sendto(2)
//
// An Address is what the kernel calls a sockaddr, whole and with its length. There is no name
// resolution here: a host is a number.
//
// It owns its bytes. Thread rule: a value; any thread.
#pragma once

#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "tocsin/base/bytes.hpp"
#include "tocsin/base/result.hpp"
#include "tocsin/kern/kernel.hpp"

namespace tocsin {

class Address {
 public:
  /// No address: of the family AF_UNSPEC.
  Address() = default;

  /// Reads what `text` writes:
  ///     127.0.0.1:8080   [::1]:80   [fe80::1%2]:80 (a scope is a number)
  ///     :8080            every IPv4 address of the host; `[::]:8080` is IPv6's, and serves IPv4,
  ///                      too, unless the socket is IPv6-only
  ///     unix:/path       unix:@name (abstract, see unix(7))
  ///     vsock:3:1024     the context and the port; vsock::1024 is every context of this machine
  /// Fails with EINVAL if it is none of these; a port lies in 0..65535 (VSOCK: 0..2^32-1), a path
  /// in 1..107 bytes.
  static Result<Address> parse(std::string_view text);

  /// IPv4: every address of the host, and 127.0.0.1. Port 0 lets the kernel choose at bind(2).
  static Address any(std::uint16_t port);
  static Address loopback(std::uint16_t port);

  /// The four bytes of an IPv4 address or the sixteen of an IPv6 address, as they are sent.
  /// Fails with EINVAL if they are neither.
  static Result<Address> ip(ByteView host, std::uint16_t port);

  /// A UNIX socket's file; fails with EINVAL as `parse` does, and for a path with a NUL in it.
  static Result<Address> unix_path(std::string_view path);

  /// A name in the abstract namespace, any 0..107 bytes; EINVAL if it is longer.
  static Result<Address> unix_abstract(std::string_view name);

  /// A port of a virtual machine or its host (vsock(7)). `cid` is VMADDR_CID_HOST, _LOCAL, _ANY, or
  /// a machine's number; `port` VMADDR_PORT_ANY lets the kernel choose at bind(2).
  static Address vsock(std::uint32_t cid, std::uint32_t port);

  /// What a system call stored. Bytes beyond what any kind of address has are dropped.
  static Address from(const sockaddr* address, socklen_t size);

  /// For system calls that read an address.
  const sockaddr* data() const { return &storage_.generic; }
  socklen_t size() const { return size_; }

  sa_family_t family() const {
    return size_ == 0 ? sa_family_t{AF_UNSPEC} : storage_.generic.sa_family;
  }
  bool is_unix() const { return family() == AF_UNIX; }

  /// In host byte order; 0 for what has no ports, or others (VSOCK).
  std::uint16_t port() const;

  /// Of a VSOCK address, in which a port has 32 bits; 0 for everything else.
  std::uint32_t vsock_cid() const;
  std::uint32_t vsock_port() const;

  /// The path of a UNIX socket's file; empty for everything else.
  std::string_view path() const;

  /// Of an IP address the part without the port: "127.0.0.1", "fe80::1%2"; "" for everything else.
  std::string host() const;

  /// As `parse` reads it; "unix:" for an unnamed UNIX socket, "" for no address.
  std::string text() const;

  /// Same family, same place.
  friend bool operator==(const Address& a, const Address& b);

 private:
  union Storage {
    sockaddr_un local{};  // The largest, so that all bytes are defined.
    sockaddr generic;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_vm vm;
  };

  Storage storage_{};
  socklen_t size_ = 0;  // 0: no address.
};

/// Where the socket `fd` is bound: getsockname(2), whose errors it has.
Result<Address> local_address_of(Kernel& kernel, int fd);

/// Whom the socket `fd` is connected to: getpeername(2), whose errors it has (ENOTCONN).
Result<Address> peer_address_of(Kernel& kernel, int fd);

}  // namespace tocsin
