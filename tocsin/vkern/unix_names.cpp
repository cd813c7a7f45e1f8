// SPDX-License-Identifier: MIT
#include "tocsin/vkern/unix_names.hpp"

#include <cinttypes>
#include <cstdio>

#include "tocsin/vkern/unix_socket.hpp"

namespace tocsin::vkern {

template <class P>
Result<> UnixNames<P>::add(int type, const UnixName& name, UnixSocket<P>& socket) {
  const bool is_new = is_abstract(name) ? abstract_.try_emplace({type, name}, &socket).second
                                        : paths_.try_emplace(name, Path{type, &socket}).second;
  if (!is_new) return std::unexpected(Errno{EADDRINUSE});
  return {};
}

template <class P>
Result<UnixName> UnixNames<P>::add_any(int type, UnixSocket<P>& socket) {
  constexpr std::uint32_t most = 0xfffff;
  for (std::uint32_t tries = 0; tries <= most; ++tries) {
    last_ = (last_ + 1) & most;
    char digits[8];
    std::snprintf(digits, sizeof digits, "%05" PRIx32, last_);
    UnixName name(1, '\0');
    name += digits;
    if (add(type, name, socket)) return name;
  }
  return std::unexpected(Errno{ENOSPC});
}

template <class P>
Result<UnixSocket<P>*> UnixNames<P>::find(int type, const UnixName& name) const {
  constexpr std::unexpected refused{Errno{ECONNREFUSED}};
  if (is_abstract(name)) {
    const auto found = abstract_.find({type, name});
    if (found == abstract_.end()) return refused;
    return found->second;
  }
  const auto found = paths_.find(name);
  if (found == paths_.end()) return std::unexpected(Errno{ENOENT});
  if (found->second.socket == nullptr) return refused;
  if (found->second.type != type) return std::unexpected(Errno{EPROTOTYPE});
  return found->second.socket;
}

template <class P>
void UnixNames<P>::leave(int type, const UnixName& name, const UnixSocket<P>& socket) {
  if (is_abstract(name)) {
    const auto found = abstract_.find({type, name});
    if (found != abstract_.end() && found->second == &socket) abstract_.erase(found);
    return;
  }
  // Another socket may have the path by now, if this one's was unlinked; and what accept(2) answers
  // has its listener's name without ever having taken it.
  const auto found = paths_.find(name);
  if (found != paths_.end() && found->second.socket == &socket) found->second.socket = nullptr;
}

template <class P>
bool UnixNames<P>::unlink(const UnixName& path) {
  UnixName name = path;
  name.push_back('\0');
  return paths_.erase(name) > 0;
}

template class UnixNames<Single>;
template class UnixNames<Threads>;

}  // namespace tocsin::vkern
