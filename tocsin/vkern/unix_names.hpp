// SPDX-License-Identifier: MIT
//
// UnixNames: which socket has which name.
//
//     bind ──add──> [ UnixNames ] ──find──> connect, sendto
//                        └─ paths ──> FileSystem
//
// Abstract names are one space for each type of socket. A path is a file, known by its node, and
// like a file it stays when its socket has gone: connect(2) is refused then, and bind(2) finds it
// in use, until it is unlinked (unix(7), "Address format"); and a socket can be found by whatever
// its file is called by then.
//
// Ownership: the System's; it refers to sockets that remove themselves before they end.
// Thread rule: under System::unix_lock(); it takes the file system's lock.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "tocsin/vkern/unix_address.hpp"

namespace tocsin::vkern {

template <class P>
class System;
template <class P>
class UnixSocket;

template <class P>
class UnixNames {
 public:
  explicit UnixNames(System<P>& system) : system_(system) {}

  /// EADDRINUSE if it is taken, if only by a socket that has gone, or a file of another kind; and
  /// as mknod(2) fails.
  Result<> add(int type, const UnixName& name, UnixSocket<P>& socket);

  /// An abstract name that nobody has, of five digits (unix(7), "Autobind feature"); ENOSPC if
  /// there is none. Linux begins anywhere, this with the first.
  Result<UnixName> add_any(int type, UnixSocket<P>& socket);

  /// Who has the name. ECONNREFUSED if nobody has, or the path is no socket's; EPROTOTYPE if a
  /// socket of another type has it; and as a path is not found (ENOENT).
  Result<UnixSocket<P>*> find(int type, const UnixName& name) const;

  /// `socket`, of that name, goes: if it was added under it, the name is free, but a path stays.
  void leave(int type, const UnixName& name, const UnixSocket<P>& socket);

  /// unlink(2) of a path (without the final NUL). Its socket goes on.
  Result<> unlink(const UnixName& path);

 private:
  struct Path {
    int type;
    UnixSocket<P>* socket;
  };

  Result<std::uint64_t> make_file(const UnixName& name);

  System<P>& system_;
  std::map<std::pair<int, UnixName>, UnixSocket<P>*> abstract_;
  std::map<std::uint64_t, Path> paths_;  // By the number of the node.
  std::uint32_t last_ = 0;
};

}  // namespace tocsin::vkern
