// SPDX-License-Identifier: MIT
//
// Inotify: what happens to files, to be read (inotify(7)).
//
//     FileSystem ──tell──> FileNode's watches ──> [ Inotify ] ──> read: inotify_event[]
//
// A queue of events and the watches they come from. An event that is the same as the last one in
// the queue is dropped; so is every event beyond the limit of the queue, which ends in one
// IN_Q_OVERFLOW then. Each event that is queued wakes, with no key.
//
// Ownership: its watches are its own, and refer to their files; it takes them away when its
// description ends. Thread rule: as Object; its lock is the file system's.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "tocsin/vkern/description.hpp"
#include "tocsin/vkern/file_system.hpp"

namespace tocsin::vkern {

template <class P>
class Inotify final : public Object<P> {
 public:
  /// Of `files`, which must outlive it; with room for `most` events.
  Inotify(FileSystem<P>& files, std::size_t most);
  ~Inotify() override = default;

  Mask poll(Description<P>& description, PollTable* table, Mask requested) override;
  /// Whole events only: EINVAL if the first one has no room. Blocks while there is none; EAGAIN.
  Count read(Process<P>& process, Description<P>& description, MutableBytes into) override;
  /// FIONREAD.
  Result<int> ioctl(Process<P>& process, Description<P>& description, unsigned long request,
                    void* argument) override;
  void released(Description<P>& description) override;
  bool can_write() const override { return false; }
  bool reads_pieces() const override { return true; }
  int changeable_flags() const override { return Object<P>::changeable_flags() | O_ASYNC; }
  std::string fdinfo() const override;

  // ---- under the file system's lock -------------------------------------------------------------

  /// The watch of `node`, new or changed: inotify_add_watch(2). EEXIST with IN_MASK_CREATE.
  Result<int> add_watch(FileNode<P>& node, std::uint32_t mask);
  /// False if there is no such watch. IN_IGNORED is the last that is told of it.
  bool remove_watch(int watch);

  /// Something has happened to what `watch` watches, or in it, and is queued if the watch asks for
  /// it. `name` is empty but for a directory's entry. `through_unlinked`: through an open file that
  /// has no name any more, which IN_EXCL_UNLINK is not told of.
  void happened(int watch, std::uint32_t event, std::uint32_t cookie, std::string_view name,
                bool through_unlinked);

  /// Its place among the instances.
  std::uint64_t instance() const { return instance_; }

 private:
  struct Watch {
    Ref<FileNode<P>> node;
    std::uint32_t mask;  // What it asks for, and how.
  };
  struct Event {
    int watch;
    std::uint32_t mask;
    std::uint32_t cookie;
    std::string name;

    std::size_t size() const;
    bool is_same(const Event& other) const;
  };

  void queue(Event event);
  std::size_t write_out(Event& event, MutableBytes into) const;

  FileSystem<P>& files_;
  const std::uint64_t instance_;
  const std::size_t most_;
  WaitQueue readable_;
  std::deque<Event> events_;
  bool has_overflow_ = false;  // Among the events.
  std::map<int, Watch> watches_;
  int last_watch_ = 0;  // Numbers are not used again.
};

}  // namespace tocsin::vkern
