// SPDX-License-Identifier: MIT
//
// Notifier: what inotify(7) and fanotify(7) have in common, and where they differ.
//
//     Kernel ──> [ Notifier: bytes become FileEvents ] ──> FileWatch
//                    └─ watch(directory) ──> the key under which its events come
//
// What is new to Linux goes here: a class of its own beside InotifyNotifier and FanotifyNotifier.
//
// Ownership: the descriptor is its FdSource's; the Kernel must outlive it. Thread rule: the loop's
// thread.
#pragma once

#include <cstdint>
#include <vector>

#include "tocsin/base/bytes.hpp"
#include "tocsin/file/internal/file_event.hpp"
#include "tocsin/kern/kernel.hpp"

namespace tocsin::internal {

class Notifier {
 public:
  Notifier(Kernel& kernel, int fd) : kernel_(kernel), fd_(fd) {}
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;
  virtual ~Notifier() = default;

  /// Whether an event may stand for several that came at different times, in an order that nobody
  /// knows: then an event is a hint, and only a look at the file says what holds.
  virtual bool merges() const = 0;

  /// Has the events in `directory`, an open one, told from now on, and answers the key they come
  /// with: the same for the same directory however often it is asked. `path` is its name, for
  /// kernels that know no other. Fails as inotify_add_watch(2) or name_to_handle_at(2).
  virtual Result<DirectoryKey> watch(int directory, const char* path) = 0;
  /// As `watch`; of what happens to the directory itself besides.
  virtual Result<DirectoryKey> watch_root(int directory, const char* path) {
    return watch(directory, path);
  }

  /// No events of this directory are wanted any more; some may still come.
  virtual void unwatch(const DirectoryKey& key) = 0;

  /// The events in `bytes`, which read(2) gave.
  virtual void parse(ByteView bytes, std::vector<FileEvent>& into) = 0;

  /// How much of it has been read.
  std::uint64_t position() const { return position_; }

  /// Where the stream of events ends now: whatever happened until now and is told, is told by an
  /// event whose `end` is at most this. So what was just seen in a directory, and events in it up
  /// to here, are two accounts of the same. Nearly: Linux shows a change before it queues the event
  /// (d_delete_notify() of linux/fsnotify.h), and holds the directory's lock meanwhile, which a
  /// look at one name does not take. So the last change that was seen may be told after this.
  std::uint64_t horizon() const;

 protected:
  /// An event that counts `weight` of what FIONREAD counts has been read.
  std::uint64_t advance(std::uint64_t weight) { return position_ += weight; }

  Kernel& kernel_;
  const int fd_;

 private:
  std::uint64_t position_ = 0;  // How much has been read, in FIONREAD's measure.
};

}  // namespace tocsin::internal
