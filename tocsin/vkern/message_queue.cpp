// SPDX-License-Identifier: MIT
#include "tocsin/vkern/message_queue.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstring>

#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected invalid{Errno::invalid};

}  // namespace

// ---- the queue ----------------------------------------------------------------------------------

template <class P>
MessageStore<P>::MessageStore(std::size_t most_messages, std::size_t most_bytes,
                              MessageQueueUsage& usage, std::size_t memory)
    : most_messages_(most_messages), most_bytes_(most_bytes), usage_(usage), memory_(memory) {
  usage_.queues += 1;
  usage_.bytes += memory_;
}

template <class P>
MessageStore<P>::~MessageStore() {
  usage_.queues -= 1;
  usage_.bytes -= memory_;
}

template <class P>
Mask MessageStore<P>::poll(PollTable* table) {
  const std::lock_guard lock(lock_);
  if (table != nullptr) table->enter(pollers_);
  Mask ready = 0;
  if (count_ > 0) ready |= EPOLLIN | EPOLLRDNORM;
  if (count_ < most_messages_) ready |= EPOLLOUT | EPOLLWRNORM;
  return ready;
}

template <class P>
mq_attr MessageStore<P>::attributes() const {
  mq_attr now{};
  now.mq_maxmsg = static_cast<long>(most_messages_);
  now.mq_msgsize = static_cast<long>(most_bytes_);
  const std::lock_guard lock(lock_);
  now.mq_curmsgs = static_cast<long>(count_);
  return now;
}

template <class P>
std::size_t MessageStore<P>::queued() const {
  const std::lock_guard lock(lock_);
  return bytes_;
}

template <class P>
bool MessageStore<P>::is_awaited() const {
  const std::lock_guard lock(lock_);
  return !receivers_.empty();
}

template <class P>
void MessageStore<P>::put(Message message, unsigned priority) {
  ++count_;
  bytes_ += message.size();
  messages_[priority].push_back(std::move(message));
}

template <class P>
auto MessageStore<P>::take(unsigned& priority) -> Message {
  const auto first = messages_.begin();
  priority = first->first;
  Message message = std::move(first->second.front());
  first->second.pop_front();
  if (first->second.empty()) messages_.erase(first);
  --count_;
  bytes_ -= message.size();
  return message;
}

// Until somebody serves it; false if the deadline was first.
template <class P>
bool MessageStore<P>::wait(List<Blocked>& among, Blocked& self, std::optional<TimePoint> deadline,
                           Held& lock) {
  among.push_back(self);
  lock.unlock();
  self.parker.park(deadline);
  lock.lock();
  self.unlink();
  return self.is_served;
}

template <class P>
void MessageStore<P>::serve(Blocked& blocked) {
  blocked.unlink();
  blocked.is_served = true;
  blocked.parker.wake();
}

template <class P>
Result<> MessageStore<P>::send(World& world, Message message, unsigned priority,
                               std::optional<TimePoint> deadline) {
  Held lock(lock_);
  if (count_ == most_messages_) {
    if (deadline == at_once) return std::unexpected(Errno::again);
    Blocked self(world);
    self.message = std::move(message);
    self.priority = priority;
    if (!wait(senders_, self, deadline, lock)) return std::unexpected(Errno::timed_out);
    return {};
  }
  if (!receivers_.empty()) {
    Blocked& receiver = receivers_.front();
    receiver.message = std::move(message);
    receiver.priority = priority;
    serve(receiver);
    return {};
  }
  put(std::move(message), priority);
  pollers_.wake(0);
  return {};
}

template <class P>
auto MessageStore<P>::receive(World& world, unsigned& priority, std::optional<TimePoint> deadline)
    -> Result<Message> {
  Held lock(lock_);
  if (count_ == 0) {
    if (deadline == at_once) return std::unexpected(Errno::again);
    Blocked self(world);
    if (!wait(receivers_, self, deadline, lock)) return std::unexpected(Errno::timed_out);
    priority = self.priority;
    return std::move(self.message);
  }
  Message message = take(priority);
  if (senders_.empty()) {
    pollers_.wake(0);
    return message;
  }
  Blocked& sender = senders_.front();
  put(std::move(sender.message), sender.priority);
  serve(sender);
  return message;
}

template class MessageStore<Single>;
template class MessageStore<Threads>;

// ---- an opening ---------------------------------------------------------------------------------

template <class P>
Mask MessageQueue<P>::poll(Description<P>&, PollTable* table, Mask) {
  return store_->poll(table);
}

template <class P>
Count MessageQueue<P>::read(Process<P>&, Description<P>&, MutableBytes into) {
  std::unique_lock lock(this->lock());
  const std::size_t start = position_;
  lock.unlock();  // The store has the same lock.
  const Count count = read_at(into, start);
  lock.lock();
  position_ = start + count.value_or(0);
  return count;
}

template <class P>
Count MessageQueue<P>::read_at(MutableBytes into, std::uint64_t offset) {
  char line[80];
  const int length =
      std::snprintf(line, sizeof line, "QSIZE:%-10zu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n",
                    store_->queued(), 0, 0, 0);
  if (into.data() == nullptr) return std::unexpected(Errno{EFAULT});
  const auto start = std::min<std::size_t>(offset, static_cast<std::size_t>(length));
  const std::size_t count = std::min(into.size(), static_cast<std::size_t>(length) - start);
  std::memcpy(into.data(), line + start, count);
  return count;
}

template <class P>
Result<int> MessageQueue<P>::ioctl(Process<P>& process, Description<P>& description,
                                   unsigned long request, void* argument) {
  if (request != FIONREAD) return Object<P>::ioctl(process, description, request, argument);
  if (argument == nullptr) return std::unexpected(Errno{EFAULT});
  constexpr std::size_t length_of_file = 80;
  const std::lock_guard lock(this->lock());
  *static_cast<int*>(argument) = static_cast<int>(length_of_file - position_);
  return 0;
}

template class MessageQueue<Single>;
template class MessageQueue<Threads>;

// ---- names --------------------------------------------------------------------------------------

// mq_overview(7): a slash, then up to 255 characters that are no slashes. The C library takes the
// slash off, and refuses a name without; the rest is the kernel's.
template <class P>
Result<std::string_view> MessageQueues<P>::name_of(const char* text) {
  if (text == nullptr) return std::unexpected(Errno{EFAULT});
  std::string_view name = text;
  if (!name.starts_with('/')) return invalid;
  name.remove_prefix(1);
  if (name.empty()) return std::unexpected(Errno{ENOENT});
  if (name.size() >= PATH_MAX) return std::unexpected(Errno{ENAMETOOLONG});
  return name;
}

namespace {

// What is looked up is one word, not a path.
Result<std::string_view> word_of(std::string_view name) {
  if (name == "." || name == ".." || name.find('/') != name.npos)
    return std::unexpected(Errno{EACCES});
  if (name.size() > NAME_MAX) return std::unexpected(Errno{ENAMETOOLONG});
  return name;
}

// The files of /proc/sys/fs/mqueue and what they can be set to; RLIMIT_MSGQUEUE.
constexpr std::size_t most_queues = 256;
constexpr long most_messages = 10;
constexpr long most_bytes = 8192;
constexpr long most_messages_ever = 65536;
constexpr long most_bytes_ever = 16L * 1024 * 1024;
constexpr std::size_t most_memory = 819'200;

// "struct msg_msg" and "struct posix_msg_tree_node" of each message (mq_overview(7), getrlimit(2)).
constexpr std::size_t overhead = 48 + 48;

}  // namespace

template <class P>
Result<Ref<MessageStore<P>>> MessageQueues<P>::make(const mq_attr* attributes) {
  if (usage_.queues >= most_queues && !is_privileged_) return std::unexpected(Errno{ENOSPC});
  const long messages = attributes != nullptr ? attributes->mq_maxmsg : most_messages;
  const long bytes = attributes != nullptr ? attributes->mq_msgsize : most_bytes;
  if (messages <= 0 || messages > (is_privileged_ ? most_messages_ever : most_messages))
    return invalid;
  if (bytes <= 0 || bytes > (is_privileged_ ? most_bytes_ever : most_bytes)) return invalid;
  const auto count = static_cast<std::size_t>(messages);
  const auto size = static_cast<std::size_t>(bytes);
  const std::size_t memory = count * (size + overhead);
  if (memory > most_memory - std::min(most_memory, usage_.bytes.load()))
    return std::unexpected(Errno{EMFILE});
  return make_ref<MessageStore<P>>(count, size, usage_, memory);
}

template <class P>
Result<Open<P>> MessageQueues<P>::open(std::string_view name, int flags,
                                       const mq_attr* attributes) {
  constexpr int of_the_call = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC;
  const auto text = word_of(name);
  if (!text) return std::unexpected(text.error());
  Ref<MessageStore<P>> store;
  {
    const std::lock_guard lock(lock_);
    const auto found = by_name_.find(*text);
    if (found == by_name_.end()) {
      if ((flags & O_CREAT) == 0) return std::unexpected(Errno{ENOENT});
      auto made = make(attributes);
      if (!made) return std::unexpected(made.error());
      store = std::move(*made);
      by_name_.emplace(*text, store);
    } else {
      if ((flags & O_CREAT) != 0 && (flags & O_EXCL) != 0) return std::unexpected(Errno{EEXIST});
      if ((flags & O_ACCMODE) == O_ACCMODE) return invalid;
      store = found->second;
    }
  }
  // Its file system has none; it is found out when the queue is there already.
  if ((flags & O_DIRECT) != 0) return invalid;
  return open_new<P>(make_ref<MessageQueue<P>>(std::move(store)), flags & ~of_the_call);
}

template <class P>
Result<> MessageQueues<P>::unlink(const char* name) {
  const auto fetched = name_of(name);
  if (!fetched) return std::unexpected(fetched.error());
  const auto text = word_of(*fetched);
  if (!text) return std::unexpected(text.error());
  const std::lock_guard lock(lock_);
  const auto found = by_name_.find(*text);
  if (found == by_name_.end()) return std::unexpected(Errno{ENOENT});
  by_name_.erase(found);
  return {};
}

template class MessageQueues<Single>;
template class MessageQueues<Threads>;

}  // namespace tocsin::vkern
