// SPDX-License-Identifier: MIT
#include "tocsin/net/internal/unix_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tocsin/task/sleep.hpp"

namespace tocsin::internal {
namespace {

constexpr Duration full_backlog_pause = std::chrono::milliseconds(10);

// Of the socket file at `path`; nothing if there is none, or a file of another kind.
std::optional<FileIdentity> socket_file_at(Kernel& kernel, const std::string& path) {
  struct statx found{};
  const auto done =
      kernel.statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_INO, found);
  if (!done || !S_ISSOCK(found.stx_mode)) return std::nullopt;
  return FileIdentity{found.stx_dev_major, found.stx_dev_minor, found.stx_ino};
}

// Whether the file is a socket that no process has open. Asked with a datagram socket, so that a
// living listener sees no connection: it answers EPROTOTYPE, "an attempt to connect a UNIX domain
// datagram socket to a stream socket" (connect(2)), even between bind(2) and listen(2). A living
// datagram socket is connected to, which it does not see, or says EPERM if it has a peer.
bool is_stale(Kernel& kernel, const Address& address) {
  if (!socket_file_at(kernel, std::string(address.path()))) return false;
  const auto probe = unix_socket(kernel, SOCK_DGRAM);
  if (!probe) return false;
  const auto done = kernel.connect(probe->get(), address.data(), address.size());
  return !done && done.error() == Errno{ECONNREFUSED};
}

Result<> bind_at(Kernel& kernel, int fd, const Address& address, bool replace_stale) {
  auto done = kernel.bind(fd, address.data(), address.size());
  const bool taken = !done && done.error() == Errno{EADDRINUSE};
  if (!taken || !replace_stale || address.path().empty() || !is_stale(kernel, address)) return done;
  const std::string path(address.path());
  if (auto removed = kernel.unlinkat(AT_FDCWD, path.c_str(), 0); !removed) return removed;
  return kernel.bind(fd, address.data(), address.size());
}

Result<std::unique_ptr<FdSource>> register_unix(Loop& loop, Fd fd, int type, const char* name,
                                                std::source_location where) {
  if (type == SOCK_STREAM) return FdSource::create_level(loop, std::move(fd), name, where);
  return FdSource::create_writable(loop, std::move(fd), name, where);
}

}  // namespace

// ---- SocketFile ---------------------------------------------------------------------------------

SocketFile::SocketFile(Kernel& kernel, std::string path)
    : kernel_(&kernel), path_(std::move(path)) {
  if (!path_.empty()) made_ = socket_file_at(kernel, path_);
}

SocketFile::~SocketFile() {
  if (!made_ || socket_file_at(*kernel_, path_) != made_) return;
  // If the folder has become read-only meanwhile, the file stays: nobody is left to tell.
  static_cast<void>(kernel_->unlinkat(AT_FDCWD, path_.c_str(), 0));
}

// ---- making sockets -----------------------------------------------------------------------------

Result<Fd> unix_socket(Kernel& kernel, int type) {
  return own(kernel, kernel.socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

Result<SocketFile> bind_unix(Kernel& kernel, int fd, const Address& address, bool replace_stale) {
  if (!address.is_unix()) return std::unexpected(Errno{EAFNOSUPPORT});
  if (auto done = bind_at(kernel, fd, address, replace_stale); !done)
    return std::unexpected(done.error());
  return SocketFile(kernel, std::string(address.path()));
}

Task<Result<std::unique_ptr<FdSource>>> connect_unix(Loop& loop, Address address, int type,
                                                     const char* name, std::source_location where) {
  if (!address.is_unix()) co_return std::unexpected(Errno{EAFNOSUPPORT});
  Kernel& kernel = loop.kernel();
  auto fd = unix_socket(kernel, type);
  if (!fd) co_return std::unexpected(fd.error());
  while (true) {
    const auto done = kernel.connect(fd->get(), address.data(), address.size());
    if (done) break;
    if (done.error() != Errno::again) co_return std::unexpected(done.error());
    const auto slept = co_await sleep_for(full_backlog_pause);
    if (!slept) co_return std::unexpected(slept.error());
  }
  co_return register_unix(loop, std::move(*fd), type, name, where);
}

Result<UnixPair> pair_unix(Loop& loop, int type, const char* name, std::source_location where) {
  Kernel& kernel = loop.kernel();
  const auto fds = kernel.socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (!fds) return std::unexpected(fds.error());
  Fd one(kernel, (*fds)[0]);
  Fd other(kernel, (*fds)[1]);
  auto first = register_unix(loop, std::move(one), type, name, where);
  if (!first) return std::unexpected(first.error());
  auto second = register_unix(loop, std::move(other), type, name, where);
  if (!second) return std::unexpected(second.error());
  return UnixPair(std::move(*first), std::move(*second));
}

}  // namespace tocsin::internal
