// SPDX-License-Identifier: MIT
#include "tocsin/net/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>

namespace tocsin {
namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr std::string_view vsock_prefix = "vsock:";
constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);
// One byte is kept for the NUL behind a path, or in front of an abstract name (unix(7)).
constexpr std::size_t longest_name = sizeof(sockaddr_un::sun_path) - 1;

// Digits only, all of them: from_chars takes no sign and no blank for an unsigned number.
template <class T>
std::optional<T> parse_number(std::string_view digits) {
  T value{};
  const char* const end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return value;
}

// inet_pton(3) wants a C string; what does not fit in `room` is no address.
template <class In>
bool parse_host(int family, std::string_view host, In& into) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (host.size() >= text.size() || host.find('\0') != host.npos) return false;
  std::ranges::copy(host, text.begin());
  return ::inet_pton(family, text.data(), &into) == 1;
}

template <class In>
std::string host_text(int family, const In& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(family, &address, text.data(), text.size());
}

Result<Address> parse_v4(std::string_view host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (!parse_host(AF_INET, host, address.sin_addr)) return std::unexpected(Errno::invalid);
  return Address::from(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Result<Address> parse_v6(std::string_view host, std::uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  if (const auto percent = host.find('%'); percent != host.npos) {
    const auto scope = parse_number<std::uint32_t>(host.substr(percent + 1));
    if (!scope) return std::unexpected(Errno::invalid);
    address.sin6_scope_id = *scope;
    host = host.substr(0, percent);
  }
  if (!parse_host(AF_INET6, host, address.sin6_addr)) return std::unexpected(Errno::invalid);
  return Address::from(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Result<Address> parse_vsock(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == text.npos) return std::unexpected(Errno::invalid);
  const auto cid = colon == 0 ? VMADDR_CID_ANY : parse_number<std::uint32_t>(text.substr(0, colon));
  const auto port = parse_number<std::uint32_t>(text.substr(colon + 1));
  if (!cid || !port) return std::unexpected(Errno::invalid);
  return Address::vsock(*cid, *port);
}

Address make_v4(std::uint32_t host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(host);
  return Address::from(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

}  // namespace

// ---- making -------------------------------------------------------------------------------------

Result<Address> Address::parse(std::string_view text) {
  if (text.starts_with(unix_prefix)) {
    const auto name = text.substr(unix_prefix.size());
    return name.starts_with('@') ? unix_abstract(name.substr(1)) : unix_path(name);
  }
  if (text.starts_with(vsock_prefix)) return parse_vsock(text.substr(vsock_prefix.size()));
  const auto colon = text.rfind(':');
  if (colon == text.npos) return std::unexpected(Errno::invalid);
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  if (!port) return std::unexpected(Errno::invalid);

  const auto host = text.substr(0, colon);
  if (host.empty()) return any(*port);
  if (!host.starts_with('[')) return parse_v4(host, *port);
  if (!host.ends_with(']')) return std::unexpected(Errno::invalid);
  return parse_v6(host.substr(1, host.size() - 2), *port);
}

Address Address::any(std::uint16_t port) { return make_v4(INADDR_ANY, port); }
Address Address::loopback(std::uint16_t port) { return make_v4(INADDR_LOOPBACK, port); }

Result<Address> Address::ip(ByteView host, std::uint16_t port) {
  if (host.size() == sizeof(in_addr)) {
    Address made = any(port);
    std::memcpy(&made.storage_.v4.sin_addr, host.data(), host.size());
    return made;
  }
  if (host.size() != sizeof(in6_addr)) return std::unexpected(Errno::invalid);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  std::memcpy(&address.sin6_addr, host.data(), host.size());
  return from(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Result<Address> Address::unix_path(std::string_view path) {
  if (path.empty() || path.size() > longest_name || path.find('\0') != path.npos)
    return std::unexpected(Errno::invalid);
  Address address;
  address.storage_.local.sun_family = AF_UNIX;
  std::ranges::copy(path, address.storage_.local.sun_path);
  address.size_ = static_cast<socklen_t>(path_offset + path.size() + 1);
  return address;
}

Result<Address> Address::unix_abstract(std::string_view name) {
  if (name.size() > longest_name) return std::unexpected(Errno::invalid);
  Address address;
  address.storage_.local.sun_family = AF_UNIX;
  std::ranges::copy(name, address.storage_.local.sun_path + 1);
  address.size_ = static_cast<socklen_t>(path_offset + 1 + name.size());
  return address;
}

Address Address::vsock(std::uint32_t cid, std::uint32_t port) {
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = cid;
  address.svm_port = port;
  return from(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Address Address::from(const sockaddr* address, socklen_t size) {
  Address made;
  made.size_ = std::min(size, static_cast<socklen_t>(sizeof made.storage_));
  std::memcpy(static_cast<void*>(&made.storage_), address, made.size_);
  return made;
}

// ---- looking at ---------------------------------------------------------------------------------

std::uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(storage_.v4.sin_port);
  if (family() == AF_INET6) return ntohs(storage_.v6.sin6_port);
  return 0;
}

std::uint32_t Address::vsock_cid() const { return family() == AF_VSOCK ? storage_.vm.svm_cid : 0; }

std::uint32_t Address::vsock_port() const {
  return family() == AF_VSOCK ? storage_.vm.svm_port : 0;
}

std::string_view Address::path() const {
  if (!is_unix() || size_ <= path_offset || storage_.local.sun_path[0] == '\0') return {};
  // The kernel counts the NUL of a path, but need not have stored one (unix(7), "BUGS").
  const std::string_view stored(storage_.local.sun_path, size_ - path_offset);
  return stored.substr(0, stored.find('\0'));
}

std::string Address::host() const {
  if (family() == AF_INET) return host_text(AF_INET, storage_.v4.sin_addr);
  if (family() != AF_INET6) return {};
  auto text = host_text(AF_INET6, storage_.v6.sin6_addr);
  const auto scope = storage_.v6.sin6_scope_id;
  if (scope != 0) text.append(1, '%').append(std::to_string(scope));
  return text;
}

std::string Address::text() const {
  // Appended piece by piece: at -O3 g++ 12 warns of `"[" + std::string` (its bug 105651).
  const auto port_text = std::string(1, ':').append(std::to_string(port()));
  if (family() == AF_INET) return host().append(port_text);
  if (family() == AF_INET6)
    return std::string(1, '[').append(host()).append(1, ']').append(port_text);
  if (family() == AF_VSOCK) {
    std::string text(vsock_prefix);
    if (vsock_cid() != VMADDR_CID_ANY) text.append(std::to_string(vsock_cid()));
    return text.append(1, ':').append(std::to_string(vsock_port()));
  }
  if (!is_unix()) return {};
  std::string text(unix_prefix);
  if (!path().empty()) return text.append(path());
  if (size_ <= path_offset) return text;
  return text.append("@").append(storage_.local.sun_path + 1, size_ - path_offset - 1);
}

bool operator==(const Address& a, const Address& b) {
  if (a.family() != b.family()) return false;
  if (a.family() == AF_INET)
    return a.port() == b.port() && a.storage_.v4.sin_addr.s_addr == b.storage_.v4.sin_addr.s_addr;
  if (a.family() == AF_INET6)
    return a.port() == b.port() && a.storage_.v6.sin6_scope_id == b.storage_.v6.sin6_scope_id &&
           std::memcmp(&a.storage_.v6.sin6_addr, &b.storage_.v6.sin6_addr, sizeof(in6_addr)) == 0;
  return a.text() == b.text();
}

// ---- of a socket --------------------------------------------------------------------------------

Result<Address> local_address_of(Kernel& kernel, int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  if (auto done = kernel.getsockname(fd, address, &size); !done)
    return std::unexpected(done.error());
  return Address::from(address, size);
}

Result<Address> peer_address_of(Kernel& kernel, int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  if (auto done = kernel.getpeername(fd, address, &size); !done)
    return std::unexpected(done.error());
  return Address::from(address, size);
}

}  // namespace tocsin
