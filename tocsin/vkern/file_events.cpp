// SPDX-License-Identifier: MIT
//
// FileSystem: events: who is told of what, and in which order.
#include <sys/inotify.h>

#include "tocsin/vkern/file_system.hpp"
#include "tocsin/vkern/inotify.hpp"

namespace tocsin::vkern {
namespace {

template <class P>
std::uint32_t with_kind(std::uint32_t event, const FileNode<P>& node) {
  return node.is_directory() ? event | IN_ISDIR : event;
}

}  // namespace

// Both watches of one instance, the directory's before the file's own, then the next instance. The
// lists are copied: whoever is told may end the watch (IN_ONESHOT).
template <class P>
void FileSystem<P>::tell(Node& node, std::uint32_t event, bool through_file) {
  // Since 6.8 the directory of a FIFO is not told of what goes through it.
  const bool stays_inside =
      through_file && node.is_fifo() && (event & (IN_ACCESS | IN_MODIFY)) != 0;
  const bool through_unlinked = through_file && !node.is_linked;
  const auto own = node.watched;
  auto of_parent = node.parent && !stays_inside ? node.parent->watched : decltype(own){};
  event = with_kind(event, node);
  auto next = own.begin();
  const auto tell_own = [&] {
    next->by->happened(next->watch, event, 0, {}, through_unlinked);
    ++next;
  };
  for (const auto& [by, watch] : of_parent) {
    while (next != own.end() && next->by->instance() < by->instance()) tell_own();
    by->happened(watch, event, 0, node.name, through_unlinked);
  }
  while (next != own.end()) tell_own();
}

template <class P>
void FileSystem<P>::tell_itself(Node& node, std::uint32_t event) {
  const auto watched = node.watched;
  for (const auto& [by, watch] : watched) by->happened(watch, with_kind(event, node), 0, {}, false);
}

template <class P>
void FileSystem<P>::tell_name(Node& directory, const Node& node, std::string_view name,
                              std::uint32_t event, std::uint32_t cookie) {
  const auto watched = directory.watched;
  for (const auto& [by, watch] : watched)
    by->happened(watch, with_kind(event, node), cookie, name, false);
}

template void FileSystem<Single>::tell(Node&, std::uint32_t, bool);
template void FileSystem<Single>::tell_itself(Node&, std::uint32_t);
template void FileSystem<Single>::tell_name(Node&, const Node&, std::string_view, std::uint32_t,
                                            std::uint32_t);
template void FileSystem<Threads>::tell(Node&, std::uint32_t, bool);
template void FileSystem<Threads>::tell_itself(Node&, std::uint32_t);
template void FileSystem<Threads>::tell_name(Node&, const Node&, std::string_view, std::uint32_t,
                                             std::uint32_t);

}  // namespace tocsin::vkern
