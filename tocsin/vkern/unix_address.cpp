// SPDX-License-Identifier: MIT
#include "tocsin/vkern/unix_address.hpp"

#include <sys/un.h>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstring>

namespace tocsin::vkern {
namespace {

constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);

}  // namespace

Result<> check_unix_address(const sockaddr* address, socklen_t length) {
  if (length > sizeof(sockaddr_storage)) return std::unexpected(Errno::invalid);
  if (length > 0 && address == nullptr) return std::unexpected(Errno{EFAULT});
  return {};
}

Result<UnixName> unix_name_of(const sockaddr* address, socklen_t length) {
  if (const auto checked = check_unix_address(address, length); !checked)
    return std::unexpected(checked.error());
  if (length <= path_offset || length > sizeof(sockaddr_un)) return std::unexpected(Errno::invalid);
  if (address->sa_family != AF_UNIX) return std::unexpected(Errno::invalid);
  const char* const path = reinterpret_cast<const char*>(address) + path_offset;
  const std::size_t size = length - path_offset;
  if (path[0] == '\0') return UnixName(path, size);
  // A path ends where its NUL stands, or where the address does; its own NUL counts.
  UnixName name(path, strnlen(path, size));
  name.push_back('\0');
  return name;
}

Result<> store_address(const UnixName& name, sockaddr* address, socklen_t* length) {
  if (length == nullptr) return std::unexpected(Errno{EFAULT});
  if (*length > INT_MAX) return std::unexpected(Errno::invalid);
  char whole[sizeof(sockaddr_storage)] = {};
  const sa_family_t family = AF_UNIX;
  std::memcpy(whole, &family, sizeof family);
  std::ranges::copy(name, whole + path_offset);
  const std::size_t size = path_offset + name.size();
  if (*length > 0) {
    if (address == nullptr) return std::unexpected(Errno{EFAULT});
    std::memcpy(address, whole, std::min<std::size_t>(*length, size));
  }
  *length = static_cast<socklen_t>(size);
  return {};
}

}  // namespace tocsin::vkern
