// SPDX-License-Identifier: MIT
#include "tocsin/file/internal/inotify_notifier.hpp"

#include <cstring>

#include "tocsin/base/check.hpp"

namespace tocsin::internal {
namespace {

// IN_EXCL_UNLINK: what is written to a file that has no name any more concerns no name.
constexpr std::uint32_t wanted = IN_CREATE | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB |
                                 IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF |
                                 IN_ONLYDIR | IN_EXCL_UNLINK;

DirectoryKey key_of(int watch) {
  DirectoryKey key(sizeof watch, '\0');
  std::memcpy(key.data(), &watch, sizeof watch);
  return key;
}

int watch_of(const DirectoryKey& key) {
  int watch = 0;
  CHECK(key.size() == sizeof watch, "this key is of another notifier");
  std::memcpy(&watch, key.data(), sizeof watch);
  return watch;
}

}  // namespace

Result<int> InotifyNotifier::open(Kernel& kernel) {
  return kernel.inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

// By its descriptor, so that it is this very directory, whoever has renamed what meanwhile. The
// name is for where there is no /proc.
Result<DirectoryKey> InotifyNotifier::watch(int directory, const char* path) {
  const std::string self = "/proc/self/fd/" + std::to_string(directory);
  auto watch = kernel_.inotify_add_watch(fd_, self.c_str(), wanted);
  if (!watch && watch.error() == Errno{ENOENT})
    watch = kernel_.inotify_add_watch(fd_, path, wanted);
  if (!watch) return std::unexpected(watch.error());
  return key_of(*watch);
}

void InotifyNotifier::unwatch(const DirectoryKey& key) {
  // EINVAL: it has gone with its directory, and the event that says so is on its way.
  static_cast<void>(kernel_.inotify_rm_watch(fd_, watch_of(key)));
}

void InotifyNotifier::parse(ByteView bytes, std::vector<FileEvent>& into) {
  while (!bytes.empty()) {
    inotify_event head;
    CHECK(bytes.size() >= sizeof head, "inotify gives whole events");
    std::memcpy(&head, bytes.data(), sizeof head);
    const std::size_t size = sizeof head + head.len;
    const std::string_view name = as_text(bytes.subspan(sizeof head, head.len));
    FileEvent& event = into.emplace_back();
    event.mask = head.mask;
    event.cookie = head.cookie;
    event.directory = key_of(head.wd);
    event.name = name.substr(0, name.find('\0'));
    event.end = advance(size);
    bytes = bytes.subspan(size);
  }
}

}  // namespace tocsin::internal
