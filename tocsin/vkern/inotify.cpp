// SPDX-License-Identifier: MIT
#include "tocsin/vkern/inotify.hpp"

#include <sys/inotify.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "tocsin/vkern/internal/file_path.hpp"
#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/sleep.hpp"

namespace tocsin::vkern {
namespace {

// What may be told only of the thing itself: that it is a directory is not said then.
constexpr std::uint32_t of_itself = IN_DELETE_SELF | IN_MOVE_SELF;

// What inotify_add_watch(2) knows: events, and how to watch.
constexpr std::uint32_t how = IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_ADD |
                              IN_MASK_CREATE | IN_ISDIR | IN_ONESHOT;
constexpr std::uint32_t known = IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | how;
constexpr std::uint32_t kept = IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT;

}  // namespace

// The name ends with a zero, and is filled up with zeros to a multiple of the header's size.
template <class P>
std::size_t Inotify<P>::Event::size() const {
  constexpr std::size_t header = sizeof(inotify_event);
  return name.empty() ? header : header + (name.size() + header) / header * header;
}

// Cookies are not compared.
template <class P>
bool Inotify<P>::Event::is_same(const Event& other) const {
  return (mask & IN_IGNORED) == 0 && mask == other.mask && watch == other.watch &&
         name == other.name;
}

template <class P>
Inotify<P>::Inotify(FileSystem<P>& files, std::size_t most)
    : Object<P>(files.lock()), files_(files), instance_(files.next_instance()), most_(most) {}

template <class P>
Mask Inotify<P>::poll(Description<P>&, PollTable* table, Mask) {
  const std::lock_guard lock(this->lock());
  if (table != nullptr) table->enter(readable_);
  return events_.empty() ? 0 : EPOLLIN | EPOLLRDNORM;
}

// ---- the queue ----------------------------------------------------------------------------------

template <class P>
void Inotify<P>::queue(Event event) {
  if (events_.size() >= most_) {
    if (has_overflow_) return;
    has_overflow_ = true;
    event = {.watch = -1, .mask = IN_Q_OVERFLOW, .cookie = 0, .name = {}};
  } else if (!events_.empty() && events_.back().is_same(event)) {
    return;
  }
  events_.push_back(std::move(event));
  readable_.wake(0);
}

template <class P>
std::size_t Inotify<P>::write_out(Event& event, MutableBytes into) const {
  const std::size_t size = event.size();
  inotify_event header{};
  header.wd = event.watch;
  header.mask = event.mask;
  header.cookie = event.cookie;
  header.len = static_cast<std::uint32_t>(size - sizeof header);
  std::fill_n(into.begin(), size, std::byte{0});
  std::memcpy(into.data(), &header, sizeof header);
  if (!event.name.empty())
    std::memcpy(into.data() + sizeof header, event.name.data(), event.name.size());
  return size;
}

template <class P>
Count Inotify<P>::read(Process<P>& process, Description<P>& description, MutableBytes into) {
  std::unique_lock lock(this->lock());
  if (events_.empty()) {
    if (description.is_nonblocking()) return std::unexpected(Errno::again);
    sleep_until<P>(process.world(), readable_, lock, Queued::staying, std::nullopt,
                   [this] { return !events_.empty(); });
  }
  if (events_.front().size() > into.size()) return std::unexpected(Errno::invalid);
  if (into.data() == nullptr) return std::unexpected(Errno{EFAULT});
  std::size_t filled = 0;
  while (!events_.empty() && events_.front().size() <= into.size() - filled) {
    filled += write_out(events_.front(), into.subspan(filled));
    if (events_.front().mask == IN_Q_OVERFLOW) has_overflow_ = false;
    events_.pop_front();
  }
  return filled;
}

template <class P>
Result<int> Inotify<P>::ioctl(Process<P>&, Description<P>&, unsigned long request, void* argument) {
  if (request != FIONREAD) return std::unexpected(Errno{ENOTTY});
  if (argument == nullptr) return std::unexpected(Errno{EFAULT});
  const std::lock_guard lock(this->lock());
  std::size_t size = 0;
  for (const Event& event : events_) size += event.size();
  const int answer = static_cast<int>(size);
  std::memcpy(argument, &answer, sizeof answer);
  return 0;
}

// ---- watches ------------------------------------------------------------------------------------

template <class P>
Result<int> Inotify<P>::add_watch(FileNode<P>& node, std::uint32_t mask) {
  const auto mine = std::find_if(node.watched.begin(), node.watched.end(),
                                 [this](const auto& watched) { return watched.by == this; });
  if (mine != node.watched.end()) {
    if ((mask & IN_MASK_CREATE) != 0) return std::unexpected(Errno{EEXIST});
    Watch& watch = watches_.at(mine->watch);
    watch.mask = (mask & kept) | ((mask & IN_MASK_ADD) != 0 ? watch.mask : 0);
    return mine->watch;
  }
  const int number = ++last_watch_;
  watches_.emplace(number, Watch{.node = Ref(node), .mask = mask & kept});
  // By the instances' age, not by that of the watches: the order has to be some order.
  const auto later =
      std::find_if(node.watched.begin(), node.watched.end(),
                   [this](const auto& watched) { return watched.by->instance_ > instance_; });
  node.watched.insert(later, {.by = this, .watch = number});
  return number;
}

template <class P>
bool Inotify<P>::remove_watch(int watch) {
  const auto found = watches_.find(watch);
  if (found == watches_.end()) return false;
  std::erase_if(found->second.node->watched,
                [this](const auto& watched) { return watched.by == this; });
  watches_.erase(found);
  queue({.watch = watch, .mask = IN_IGNORED, .cookie = 0, .name = {}});
  return true;
}

template <class P>
void Inotify<P>::happened(int watch, std::uint32_t event, std::uint32_t cookie,
                          std::string_view name, bool through_unlinked) {
  const auto found = watches_.find(watch);
  if (found == watches_.end()) return;
  const std::uint32_t mask = found->second.mask;
  if ((mask & event & IN_ALL_EVENTS) == 0) return;
  if (through_unlinked && (mask & IN_EXCL_UNLINK) != 0) return;
  if ((event & of_itself) != 0) event &= ~static_cast<std::uint32_t>(IN_ISDIR);
  queue({.watch = watch, .mask = event, .cookie = cookie, .name = std::string(name)});
  if ((mask & IN_ONESHOT) != 0) remove_watch(watch);
}

template <class P>
void Inotify<P>::released(Description<P>&) {
  const std::lock_guard lock(this->lock());
  for (auto& [number, watch] : watches_)
    std::erase_if(watch.node->watched, [this](const auto& watched) { return watched.by == this; });
  watches_.clear();
}

template <class P>
std::string Inotify<P>::fdinfo() const {
  const std::lock_guard lock(this->lock());
  std::string text;
  for (const auto& [number, watch] : watches_) {
    char line[128];
    std::snprintf(line, sizeof line,
                  "inotify wd:%x ino:%" PRIx64 " sdev:0 mask:%x ignored_mask:0\n",
                  static_cast<unsigned>(number), watch.node->number, watch.mask & IN_ALL_EVENTS);
    text += line;
  }
  return text;
}

template class Inotify<Single>;
template class Inotify<Threads>;

// ---- inotify_init1(2), inotify_add_watch(2), inotify_rm_watch(2) --------------------------------

template <class P>
Result<int> Process<P>::inotify_init1(int flags) {
  if ((flags & ~(IN_CLOEXEC | IN_NONBLOCK)) != 0) return std::unexpected(Errno::invalid);
  Ref<Inotify<P>> made;
  {
    const std::lock_guard lock(system_.files().lock());
    made = make_ref<Inotify<P>>(system_.files(), system_.options().most_file_events);
  }
  return install(open_new<P>(std::move(made), O_RDONLY | (flags & IN_NONBLOCK)),
                 (flags & IN_CLOEXEC) != 0);
}

template <class P>
Result<int> Process<P>::inotify_add_watch(int fd, const char* path, std::uint32_t mask) {
  if ((mask & ~known) != 0 || mask == 0) return std::unexpected(Errno::invalid);
  const Open<P> open = descriptors_.get(fd);
  if (!open) return std::unexpected(Errno{EBADF});
  if ((mask & IN_MASK_ADD) != 0 && (mask & IN_MASK_CREATE) != 0)
    return std::unexpected(Errno::invalid);
  auto* const inotify = dynamic_cast<Inotify<P>*>(&open->object());
  if (inotify == nullptr) return std::unexpected(Errno::invalid);
  const auto text = internal::path_of(path);
  if (!text) return std::unexpected(text.error());
  const std::lock_guard lock(system_.files().lock());
  const auto node = system_.files().find({.at = Ref(system_.files().root())}, *text,
                                         (mask & IN_DONT_FOLLOW) == 0);
  if (!node) return std::unexpected(node.error());
  if ((mask & IN_ONLYDIR) != 0 && !(*node)->is_directory()) return std::unexpected(Errno{ENOTDIR});
  return inotify->add_watch(**node, mask);
}

template <class P>
Result<> Process<P>::inotify_rm_watch(int fd, int watch) {
  const Open<P> open = descriptors_.get(fd);
  if (!open) return std::unexpected(Errno{EBADF});
  auto* const inotify = dynamic_cast<Inotify<P>*>(&open->object());
  if (inotify == nullptr) return std::unexpected(Errno::invalid);
  const std::lock_guard lock(system_.files().lock());
  if (!inotify->remove_watch(watch)) return std::unexpected(Errno::invalid);
  return {};
}

template Result<int> Process<Single>::inotify_init1(int);
template Result<int> Process<Single>::inotify_add_watch(int, const char*, std::uint32_t);
template Result<> Process<Single>::inotify_rm_watch(int, int);
template Result<int> Process<Threads>::inotify_init1(int);
template Result<int> Process<Threads>::inotify_add_watch(int, const char*, std::uint32_t);
template Result<> Process<Threads>::inotify_rm_watch(int, int);

}  // namespace tocsin::vkern
