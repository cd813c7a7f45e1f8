// SPDX-License-Identifier: MIT
#include "tocsin/file/internal/fanotify_notifier.hpp"

#include <fcntl.h>
#include <sys/statfs.h>

#include <array>
#include <cstring>

#include "tocsin/base/check.hpp"

namespace tocsin::internal {
namespace {

constexpr unsigned how = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_DFID_NAME |
                         FAN_REPORT_FID | FAN_REPORT_TARGET_FID;
constexpr std::uint64_t wanted =
    FAN_CREATE | FAN_DELETE | FAN_MODIFY | FAN_CLOSE_WRITE | FAN_ATTRIB | FAN_RENAME | FAN_ONDIR;
constexpr std::uint64_t wanted_of_root = FAN_DELETE_SELF | FAN_MOVE_SELF | FAN_ONDIR;

// name_to_handle_at(2) since Linux 6.5: a handle that need not be fit for being opened, as those in
// events are. Elsewhere this bit is AT_REMOVEDIR.
constexpr int handle_fid = 0x200;

// A record's directory (or file) and its name, if it has one.
struct Place {
  DirectoryKey key;
  std::string name;
};

template <class T>
T read_at(ByteView bytes, std::size_t offset) {
  T value;
  CHECK(offset + sizeof value <= bytes.size(), "fanotify gives whole records");
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

constexpr std::size_t handle_head = offsetof(file_handle, f_handle);

// fanotify(7): `struct fanotify_event_info_fid`, in which a file_handle follows the fsid, and the
// name follows the handle.
Place place_in(ByteView record) {
  constexpr std::size_t fsid_at = sizeof(fanotify_event_info_header);
  constexpr std::size_t handle_at = fsid_at + sizeof(__kernel_fsid_t);
  const auto size = read_at<unsigned>(record, handle_at);
  const std::size_t name_at = handle_at + handle_head + size;
  const auto type = read_at<int>(record, handle_at + sizeof size);
  Place place;
  place.key = as_text(record.subspan(fsid_at, sizeof(__kernel_fsid_t)));
  place.key.append(reinterpret_cast<const char*>(&type), sizeof type);
  place.key += as_text(record.subspan(handle_at + handle_head, size));
  const std::string_view name = as_text(record.subspan(name_at));
  place.name = name.substr(0, name.find('\0'));
  if (place.name == ".") place.name.clear();  // The directory itself.
  return place;
}

void take_record(ByteView record, FileEvent& event) {
  const auto head = read_at<fanotify_event_info_header>(record, 0);
  switch (head.info_type) {
    case FAN_EVENT_INFO_TYPE_DFID_NAME:
    case FAN_EVENT_INFO_TYPE_OLD_DFID_NAME: {
      Place place = place_in(record);
      event.directory = std::move(place.key);
      event.name = std::move(place.name);
      return;
    }
    case FAN_EVENT_INFO_TYPE_NEW_DFID_NAME: {
      Place place = place_in(record);
      event.to_directory = std::move(place.key);
      event.to_name = std::move(place.name);
      return;
    }
    case FAN_EVENT_INFO_TYPE_FID:
      event.child = place_in(record).key;
      return;
    default:
      return;
  }
}

}  // namespace

Result<int> FanotifyNotifier::open(Kernel& kernel) {
  return kernel.fanotify_init(how, O_RDONLY | O_CLOEXEC);
}

Result<DirectoryKey> FanotifyNotifier::file_system_of(int directory, int mount) {
  const auto known = file_systems_.find(mount);
  if (known != file_systems_.end()) return known->second;
  struct statfs status{};
  if (auto done = kernel_.fstatfs(directory, status); !done) return std::unexpected(done.error());
  DirectoryKey id(reinterpret_cast<const char*>(&status.f_fsid), sizeof status.f_fsid);
  if (!marked_.contains(id)) {
    if (auto done = kernel_.fanotify_mark(fd_, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, wanted,
                                          directory, nullptr);
        !done)
      return std::unexpected(done.error());
    marked_.insert(id);
  }
  file_systems_.emplace(mount, id);
  return id;
}

Result<DirectoryKey> FanotifyNotifier::watch(int directory, const char*) {
  struct alignas(file_handle) {
    std::array<std::byte, handle_head + MAX_HANDLE_SZ> bytes;
  } room;
  auto& handle = *reinterpret_cast<file_handle*>(room.bytes.data());
  int mount = 0;
  handle.handle_bytes = MAX_HANDLE_SZ;
  auto done = kernel_.name_to_handle_at(directory, "", handle, &mount, AT_EMPTY_PATH | handle_fid);
  if (!done && done.error() == Errno::invalid) {
    handle.handle_bytes = MAX_HANDLE_SZ;
    done = kernel_.name_to_handle_at(directory, "", handle, &mount, AT_EMPTY_PATH);
  }
  if (!done) return std::unexpected(done.error());
  auto key = file_system_of(directory, mount);
  if (!key) return key;
  key->append(reinterpret_cast<const char*>(&handle.handle_type), sizeof handle.handle_type);
  key->append(reinterpret_cast<const char*>(room.bytes.data()) + handle_head, handle.handle_bytes);
  return key;
}

Result<DirectoryKey> FanotifyNotifier::watch_root(int directory, const char* path) {
  auto key = watch(directory, path);
  if (!key) return key;
  if (auto done = kernel_.fanotify_mark(fd_, FAN_MARK_ADD, wanted_of_root, directory, nullptr);
      !done)
    return std::unexpected(done.error());
  return key;
}

void FanotifyNotifier::parse(ByteView bytes, std::vector<FileEvent>& into) {
  while (!bytes.empty()) {
    const auto head = read_at<fanotify_event_metadata>(bytes, 0);
    CHECK(head.vers == FANOTIFY_METADATA_VERSION, "the kernel's fanotify is not this one");
    FileEvent& event = into.emplace_back();
    event.mask = static_cast<std::uint32_t>(head.mask);
    event.end = advance(FAN_EVENT_METADATA_LEN);  // FIONREAD counts no records.
    for (std::size_t at = head.metadata_len; at < head.event_len;) {
      const auto record = read_at<fanotify_event_info_header>(bytes, at);
      take_record(bytes.subspan(at, record.len), event);
      at += record.len;
    }
    bytes = bytes.subspan(head.event_len);
  }
}

}  // namespace tocsin::internal
