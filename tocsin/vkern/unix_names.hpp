// SPDX-License-Identifier: MIT
//
// UnixNames: which socket has which name.
//
//     bind ──add──> [ UnixNames ] ──find──> connect, sendto
//
// Abstract names are one space for each type of socket; paths are one for all, as files are, and as
// a file a path stays when its socket has gone: connect(2) is refused then, and bind(2) finds it in
// use, until it is unlinked (unix(7), "Address format").
//
// A path is known by its text; here is no file system that could say that two texts are one file.
//
// Ownership: the System's; it refers to sockets that remove themselves before they end.
// Thread rule: under System::unix_lock().
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "tocsin/vkern/unix_address.hpp"

namespace tocsin::vkern {

template <class P>
class UnixSocket;

template <class P>
class UnixNames {
 public:
  /// EADDRINUSE if it is taken, if only by a socket that has gone.
  Result<> add(int type, const UnixName& name, UnixSocket<P>& socket);

  /// An abstract name that nobody has, of five digits (unix(7), "Autobind feature"); ENOSPC if
  /// there is none. Linux begins anywhere, this with the first.
  Result<UnixName> add_any(int type, UnixSocket<P>& socket);

  /// Who has the name. ECONNREFUSED if nobody has, ENOENT if nobody ever had that path; EPROTOTYPE
  /// if a socket of another type has it.
  Result<UnixSocket<P>*> find(int type, const UnixName& name) const;

  /// `socket`, of that name, goes: if it was added under it, the name is free, but a path stays.
  void leave(int type, const UnixName& name, const UnixSocket<P>& socket);

  /// unlink(2) of a path (without the final NUL); whether there was one. Its socket goes on.
  bool unlink(const UnixName& path);

 private:
  struct Path {
    int type;
    UnixSocket<P>* socket;  // Null: it has gone.
  };

  std::map<std::pair<int, UnixName>, UnixSocket<P>*> abstract_;
  std::map<UnixName, Path> paths_;
  std::uint32_t last_ = 0;
};

}  // namespace tocsin::vkern
