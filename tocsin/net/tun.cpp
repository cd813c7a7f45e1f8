// SPDX-License-Identifier: MIT
#include "tocsin/net/tun.hpp"

#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace tocsin {
namespace {

// What goes before each packet (Documentation/networking/tuntap.rst, 3.2), unless IFF_NO_PI is
// asked for: without it nobody would say that a packet was longer than the room for it.
static_assert(sizeof(tun_pi) == 4);

iovec part_of(void* base, std::size_t length) { return {.iov_base = base, .iov_len = length}; }

// Of TUN the kernel believes this; of TAP it looks at the frame.
std::uint16_t protocol_of(ByteView packet) {
  const bool is_v6 = !packet.empty() && (packet[0] >> 4) == std::byte{6};
  return is_v6 ? ETH_P_IPV6 : ETH_P_IP;
}

}  // namespace

Result<TunDevice> TunDevice::create(Loop& loop, const TunOptions& options,
                                    std::source_location where) {
  ifreq request{};
  if (options.name.size() >= sizeof request.ifr_name) return std::unexpected(Errno::invalid);
  std::ranges::copy(options.name, request.ifr_name);
  request.ifr_flags = options.kind == TunKind::tun ? IFF_TUN : IFF_TAP;

  Kernel& kernel = loop.kernel();
  const int flags = O_RDWR | O_NONBLOCK | O_CLOEXEC;
  auto fd = own(kernel, kernel.openat(AT_FDCWD, "/dev/net/tun", flags, 0));
  if (!fd) return std::unexpected(fd.error());
  if (auto done = kernel.ioctl(fd->get(), TUNSETIFF, &request); !done)
    return std::unexpected(done.error());
  // Only now: whoever adds it before it is attached hears EPOLLERR, and nothing of it ever after.
  auto source = FdSource::create(loop, std::move(*fd), "tun", where);
  if (!source) return std::unexpected(source.error());
  const std::string_view stored(request.ifr_name, sizeof request.ifr_name);
  return TunDevice(std::move(*source), std::string(stored.substr(0, stored.find('\0'))));
}

bool ReadPacket::attempt() {
  FdSource& from = source();
  Buffer buffer = from.loop().buffers().take();
  tun_pi about{};
  const std::array parts{part_of(&about, sizeof about),
                         part_of(buffer.room().data(), buffer.room().size())};
  const auto count = from.kernel().readv(from.fd(), parts);
  if (!count) return refused(count.error());
  from.spend(*count);
  buffer.fill(std::max(*count, sizeof about) - sizeof about);
  packet_ = {.bytes = std::move(buffer),
             .protocol = ntohs(about.proto),
             .truncated = (about.flags & TUN_PKT_STRIP) != 0};
  return true;
}

bool WritePacket::attempt() {
  FdSource& by = source();
  tun_pi about{.flags = 0, .proto = htons(protocol_of(bytes_))};
  // writev(2) reads what it is given.
  const std::array parts{part_of(&about, sizeof about),
                         part_of(const_cast<std::byte*>(bytes_.data()), bytes_.size())};
  const auto count = by.kernel().writev(by.fd(), parts);
  if (!count) return refused(count.error());
  by.spend(*count);
  return true;
}

}  // namespace tocsin
