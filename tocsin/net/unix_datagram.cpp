// SPDX-License-Identifier: MIT
#include "tocsin/net/unix_datagram.hpp"

namespace tocsin {
namespace {

constexpr const char* name = "unix datagram";

// Binding to no name at all lets the kernel choose an abstract one (unix(7), "Autobind feature").
Result<> bind_to_any_name(Kernel& kernel, int fd) {
  const sockaddr unnamed{.sa_family = AF_UNIX, .sa_data = {}};
  return kernel.bind(fd, &unnamed, sizeof unnamed.sa_family);
}

}  // namespace

Result<UnixDatagram> UnixDatagram::bind(Loop& loop, const Address& address,
                                        const UnixDatagramOptions& options,
                                        std::source_location where) {
  Kernel& kernel = loop.kernel();
  auto fd = internal::unix_socket(kernel, type);
  if (!fd) return std::unexpected(fd.error());
  auto file = internal::bind_unix(kernel, fd->get(), address, options.replace_stale);
  if (!file) return std::unexpected(file.error());
  auto source = FdSource::create(loop, std::move(*fd), name, where);
  if (!source) return std::unexpected(source.error());
  return UnixDatagram(std::move(*file), std::move(*source));
}

Result<UnixDatagram> UnixDatagram::connect(Loop& loop, const Address& peer,
                                           std::source_location where) {
  if (!peer.is_unix()) return std::unexpected(Errno{EAFNOSUPPORT});
  Kernel& kernel = loop.kernel();
  auto fd = internal::unix_socket(kernel, type);
  if (!fd) return std::unexpected(fd.error());
  if (auto done = bind_to_any_name(kernel, fd->get()); !done) return std::unexpected(done.error());
  if (auto done = kernel.connect(fd->get(), peer.data(), peer.size()); !done)
    return std::unexpected(done.error());
  auto source = FdSource::create(loop, std::move(*fd), name, where);
  if (!source) return std::unexpected(source.error());
  return UnixDatagram(internal::SocketFile(kernel, ""), std::move(*source));
}

Result<std::pair<UnixDatagram, UnixDatagram>> UnixDatagram::pair(Loop& loop,
                                                                 std::source_location where) {
  auto ends = internal::pair_unix(loop, type, name, where);
  if (!ends) return std::unexpected(ends.error());
  const auto no_file = [&] { return internal::SocketFile(loop.kernel(), ""); };
  return std::pair(UnixDatagram(no_file(), std::move(ends->first)),
                   UnixDatagram(no_file(), std::move(ends->second)));
}

}  // namespace tocsin
