// SPDX-License-Identifier: MIT
//
// How UNIX sockets of any kind are made: bound, with the file that comes of it, connected, paired.
//
//     UnixStream, UnixSeqpacket, UnixDatagram ──> [ bind_unix, connect_unix, ... ] ──> Kernel
//
// Ownership: a SocketFile owns the file at its path. Thread rule: the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <utility>

#include "tocsin/net/address.hpp"
#include "tocsin/source/fd_source.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin::internal {

/// Which file it is, however it is called.
struct FileIdentity {
  std::uint32_t device_major, device_minor;
  std::uint64_t inode;
  bool operator==(const FileIdentity&) const = default;
};

/// The file of a bound socket: removed at the end, unless something else has taken its place.
class SocketFile {
 public:
  /// `path` empty: an abstract name, which has none.
  SocketFile(Kernel& kernel, std::string path);
  SocketFile(SocketFile&& other) noexcept
      : kernel_(other.kernel_),
        path_(std::move(other.path_)),
        made_(std::exchange(other.made_, std::nullopt)) {}
  SocketFile& operator=(SocketFile&&) = delete;
  ~SocketFile();

 private:
  Kernel* kernel_;
  std::string path_;
  std::optional<FileIdentity> made_;
};

/// A socket of `type` (SOCK_STREAM, ...), non-blocking and close-on-exec.
Result<Fd> unix_socket(Kernel& kernel, int type);

/// Binds `fd` to `address`, in the place of a file that no process has open any more if
/// `replace_stale`. EAFNOSUPPORT for an address that is not UNIX; else as bind(2).
Result<SocketFile> bind_unix(Kernel& kernel, int fd, const Address& address, bool replace_stale);

/// See UnixStream::connect.
Task<Result<std::unique_ptr<FdSource>>> connect_unix(Loop& loop, Address address, int type,
                                                     const char* name, std::source_location where);

using UnixPair = std::pair<std::unique_ptr<FdSource>, std::unique_ptr<FdSource>>;

/// See UnixStream::pair.
Result<UnixPair> pair_unix(Loop& loop, int type, const char* name, std::source_location where);

}  // namespace tocsin::internal
