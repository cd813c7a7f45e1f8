// SPDX-License-Identifier: MIT
//
// Process: the calls of POSIX message queues (mq_overview(7)), with what they refuse before any
// queue is asked, in the order in which Linux looks.
#include <fcntl.h>
#include <limits.h>

#include <algorithm>

#include "tocsin/vkern/message_queue.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected invalid{Errno::invalid};
constexpr std::unexpected bad_descriptor{Errno{EBADF}};
constexpr std::unexpected bad_address{Errno{EFAULT}};

bool is_valid(const timespec* time) {
  return time == nullptr ||
         (time->tv_sec >= 0 && time->tv_nsec >= 0 && time->tv_nsec < 1'000'000'000);
}

// When a call through `description` gives up; `until` is of CLOCK_REALTIME as it is set now.
template <class P>
std::optional<TimePoint> deadline_of(const typename P::World& world,
                                     const Description<P>& description, const timespec* until) {
  if (description.is_nonblocking()) return at_once;
  if (until == nullptr) return std::nullopt;
  constexpr std::int64_t most_seconds = Duration::max().count() / 1'000'000'000 - 1;
  const Duration since_1970 =
      std::chrono::seconds{std::min<std::int64_t>(until->tv_sec, most_seconds)} +
      Duration{until->tv_nsec};
  return TimePoint{since_1970 - world.offsets().realtime};
}

template <class P>
MessageQueue<P>* queue_of(const Open<P>& open) {
  if (!open) return nullptr;
  return dynamic_cast<MessageQueue<P>*>(&open->object());
}

// An access mode of 3 can neither send nor receive, though it can make a queue.
template <class P>
bool has_mode(const Open<P>& open, int mode) {
  const int granted = open->flags() & O_ACCMODE;
  return granted == mode || granted == O_RDWR;
}

}  // namespace

template <class P>
Result<int> Process<P>::mq_open(const char* name, int flags, mode_t, const mq_attr* attributes) {
  const auto fetched = MessageQueues<P>::name_of(name);
  if (!fetched) return std::unexpected(fetched.error());
  // The new number is drawn before the name is looked up: nothing is made in vain.
  auto drawn = descriptors_.draw(true);  // Always close-on-exec (mq_open(3)).
  if (!drawn) return std::unexpected(drawn.error());
  auto opened = system_.message_queues().open(*fetched, flags, attributes);
  if (!opened) return std::unexpected(opened.error());
  return std::move(*drawn).fill(std::move(*opened));
}

template <class P>
Result<> Process<P>::mq_unlink(const char* name) {
  return system_.message_queues().unlink(name);
}

template <class P>
Result<> Process<P>::mq_timedsend(int queue, ByteView message, unsigned priority,
                                  const timespec* deadline) {
  if (!is_valid(deadline) || priority >= MQ_PRIO_MAX) return invalid;
  const Open<P> open = descriptors_.get(queue);
  MessageQueue<P>* const sender = queue_of(open);
  if (sender == nullptr || !has_mode(open, O_WRONLY)) return bad_descriptor;
  if (message.size() > sender->store().most_bytes()) return std::unexpected(Errno{EMSGSIZE});
  if (message.data() == nullptr && !message.empty()) return bad_address;
  return sender->store().send(world(), {message.begin(), message.end()}, priority,
                              deadline_of<P>(world(), *open, deadline));
}

template <class P>
Count Process<P>::mq_timedreceive(int queue, MutableBytes into, unsigned* priority,
                                  const timespec* deadline) {
  if (!is_valid(deadline)) return invalid;
  const Open<P> open = descriptors_.get(queue);
  MessageQueue<P>* const receiver = queue_of(open);
  if (receiver == nullptr || !has_mode(open, O_RDONLY)) return bad_descriptor;
  if (into.size() < receiver->store().most_bytes()) return std::unexpected(Errno{EMSGSIZE});
  unsigned of_message = 0;
  const auto message =
      receiver->store().receive(world(), of_message, deadline_of<P>(world(), *open, deadline));
  if (!message) return std::unexpected(message.error());
  if (into.data() == nullptr) return bad_address;  // The message is lost.
  std::copy(message->begin(), message->end(), into.begin());
  if (priority != nullptr) *priority = of_message;
  return message->size();
}

template <class P>
Result<mq_attr> Process<P>::mq_getattr(int queue) {
  const Open<P> open = descriptors_.get(queue);
  MessageQueue<P>* const asked = queue_of(open);
  if (asked == nullptr) return bad_descriptor;
  mq_attr attributes = asked->store().attributes();
  attributes.mq_flags = open->flags() & O_NONBLOCK;
  return attributes;
}

template Result<int> Process<Single>::mq_open(const char*, int, mode_t, const mq_attr*);
template Result<> Process<Single>::mq_unlink(const char*);
template Result<> Process<Single>::mq_timedsend(int, ByteView, unsigned, const timespec*);
template Count Process<Single>::mq_timedreceive(int, MutableBytes, unsigned*, const timespec*);
template Result<mq_attr> Process<Single>::mq_getattr(int);
template Result<int> Process<Threads>::mq_open(const char*, int, mode_t, const mq_attr*);
template Result<> Process<Threads>::mq_unlink(const char*);
template Result<> Process<Threads>::mq_timedsend(int, ByteView, unsigned, const timespec*);
template Count Process<Threads>::mq_timedreceive(int, MutableBytes, unsigned*, const timespec*);
template Result<mq_attr> Process<Threads>::mq_getattr(int);

}  // namespace tocsin::vkern
