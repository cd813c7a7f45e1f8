// SPDX-License-Identifier: MIT
#include "tocsin/vkern/unix_names.hpp"

#include <sys/stat.h>

#include <cinttypes>
#include <cstdio>
#include <mutex>

#include "tocsin/vkern/file_system.hpp"
#include "tocsin/vkern/unix_socket.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected in_use{Errno{EADDRINUSE}};
constexpr std::unexpected refused{Errno{ECONNREFUSED}};

}  // namespace

template <class P>
Result<> UnixNames<P>::add(int type, const UnixName& name, UnixSocket<P>& socket) {
  if (is_abstract(name)) {
    if (!abstract_.try_emplace({type, name}, &socket).second) return in_use;
    return {};
  }
  const auto number = make_file(name);
  if (!number) return std::unexpected(number.error());
  paths_.emplace(*number, Path{type, &socket});
  return {};
}

template <class P>
Result<std::uint64_t> UnixNames<P>::make_file(const UnixName& name) {
  FileSystem<P>& files = system_.files();
  const std::lock_guard lock(files.lock());
  const PathStart<P> root{.at = Ref(files.root())};
  const auto made = files.make(root, name.c_str(), S_IFSOCK | 0777);
  if (!made && made.error() == Errno{EEXIST}) return in_use;
  if (!made) return std::unexpected(made.error());
  const auto node = files.find(root, name.c_str());
  return (*node)->number;
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
  if (is_abstract(name)) {
    const auto found = abstract_.find({type, name});
    if (found == abstract_.end()) return refused;
    return found->second;
  }
  FileSystem<P>& files = system_.files();
  const std::lock_guard lock(files.lock());
  const auto node = files.find(PathStart<P>{.at = Ref(files.root())}, name.c_str());
  if (!node) return std::unexpected(node.error());
  const auto found = paths_.find((*node)->number);
  if (found == paths_.end()) return refused;
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
  // What accept(2) answers has its listener's name without ever having taken it.
  std::erase_if(paths_, [&](const auto& path) { return path.second.socket == &socket; });
}

template <class P>
Result<> UnixNames<P>::unlink(const UnixName& path) {
  FileSystem<P>& files = system_.files();
  const std::lock_guard lock(files.lock());
  return files.remove(PathStart<P>{.at = Ref(files.root())}, path, 0);
}

template class UnixNames<Single>;
template class UnixNames<Threads>;

}  // namespace tocsin::vkern
