// SPDX-License-Identifier: MIT
#include "tocsin/net/unix_listener.hpp"

namespace tocsin::internal {

Result<UnixListening> UnixListening::bind(Loop& loop, const Address& address, int type,
                                          const UnixListenOptions& options,
                                          std::source_location where) {
  Kernel& kernel = loop.kernel();
  auto fd = unix_socket(kernel, type);
  if (!fd) return std::unexpected(fd.error());
  auto file = bind_unix(kernel, fd->get(), address, options.replace_stale);
  if (!file) return std::unexpected(file.error());
  if (auto done = kernel.listen(fd->get(), options.backlog); !done)
    return std::unexpected(done.error());
  auto source = FdSource::create(loop, std::move(*fd), "unix listener", where);
  if (!source) return std::unexpected(source.error());
  auto listening = Listening::create(std::move(*source));
  if (!listening) return std::unexpected(listening.error());
  return UnixListening{.file = std::move(*file), .socket = std::move(*listening)};
}

}  // namespace tocsin::internal
