// SPDX-License-Identifier: MIT
//
// MessageQueue: one opening of a POSIX message queue (mq_overview(7)); MessageStore, the queue
// itself; MessageQueues, their names.
//
//     mq_open ──> [ MessageQueues ] ──name──> [ MessageStore ] <── [ MessageQueue ] <── Description
//
// The message of the highest priority comes first, and of one priority the oldest. Whoever blocks
// is served in the order of coming, by hand-over: what is sent while somebody waits to receive
// never enters the queue, and what a blocked sender wants to send enters it with the receive that
// makes room. Neither tells those who poll: nothing has changed for them. Every other send and
// receive does, with no key.
//
// Ownership: a store lives as long as it has a name or is open. Its openings share its lock.
// Thread rule: as Object.
#pragma once

#include <mqueue.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tocsin/base/list.hpp"
#include "tocsin/base/time.hpp"
#include "tocsin/vkern/description.hpp"
#include "tocsin/vkern/world.hpp"

namespace tocsin::vkern {

/// What there is of all queues of a System, with a name or open: both are limited.
struct MessageQueueUsage {
  std::atomic<std::size_t> queues = 0;
  std::atomic<std::size_t> bytes = 0;
};

template <class P>
class MessageStore final : public Counted<P> {
 public:
  using Lock = typename P::Lock;
  using World = typename P::World;
  using Message = std::vector<std::byte>;

  /// One more of `usage`, as long as it lives, with `memory` bytes.
  MessageStore(std::size_t most_messages, std::size_t most_bytes, MessageQueueUsage& usage,
               std::size_t memory);
  ~MessageStore();

  Lock& lock() { return lock_; }
  /// Of one message.
  std::size_t most_bytes() const { return most_bytes_; }

  Mask poll(PollTable* table);
  /// mq_timedsend(3), until `deadline` (nullopt: for ever; or at_once: EAGAIN).
  Result<> send(World& world, Message message, unsigned priority,
                std::optional<TimePoint> deadline);
  /// mq_timedreceive(3); `priority` becomes the message's.
  Result<Message> receive(World& world, unsigned& priority, std::optional<TimePoint> deadline);
  /// mq_getattr(3), but for the flags, which are not the queue's.
  mq_attr attributes() const;
  /// How many bytes are queued.
  std::size_t queued() const;
  /// Whether somebody is blocked until a message comes.
  bool is_awaited() const;

 private:
  // Somebody who is blocked: in `receivers_` with no message yet, in `senders_` with one.
  struct Blocked : ListNode {
    explicit Blocked(World& world) : parker(world) {}
    typename P::Parker parker;
    Message message;
    unsigned priority = 0;
    bool is_served = false;
  };
  using Held = std::unique_lock<Lock>;

  bool wait(List<Blocked>& among, Blocked& self, std::optional<TimePoint> deadline, Held& lock);
  static void serve(Blocked& blocked);
  void put(Message message, unsigned priority);
  Message take(unsigned& priority);

  mutable Lock lock_;
  const std::size_t most_messages_;
  const std::size_t most_bytes_;
  MessageQueueUsage& usage_;
  const std::size_t memory_;
  WaitQueue pollers_;
  std::map<unsigned, std::deque<Message>, std::greater<>> messages_;  // By priority.
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  List<Blocked> receivers_;
  List<Blocked> senders_;
};

template <class P>
class MessageQueue final : public Object<P> {
 public:
  explicit MessageQueue(Ref<MessageStore<P>> store)
      : Object<P>(store->lock()), store_(std::move(store)) {}
  ~MessageQueue() override = default;

  MessageStore<P>& store() const { return *store_; }

  Mask poll(Description<P>& description, PollTable* table, Mask requested) override;
  /// The line that mq_overview(7) shows ("QSIZE:..."), and then its end.
  Count read(Process<P>& process, Description<P>& description, MutableBytes into) override;
  Count read_at(MutableBytes into, std::uint64_t offset) override;
  bool has_places() const override { return true; }
  /// FIONREAD: what the file has beyond its position; Linux counts 80 bytes, whatever is read.
  Result<int> ioctl(Process<P>& process, Description<P>& description, unsigned long request,
                    void* argument) override;
  bool can_write() const override { return false; }
  bool reads_pieces() const override { return true; }

 private:
  Ref<MessageStore<P>> store_;
  std::size_t position_ = 0;  // In that line.
};

template <class P>
class MessageQueues {
 public:
  /// `is_privileged`: CAP_SYS_RESOURCE, to which the limits of /proc/sys/fs/mqueue do not apply.
  explicit MessageQueues(bool is_privileged) : is_privileged_(is_privileged) {}
  MessageQueues(const MessageQueues&) = delete;
  MessageQueues& operator=(const MessageQueues&) = delete;

  /// The name without its slash, as it is fetched before anything else: EFAULT; EINVAL if there is
  /// no slash; ENOENT if there is nothing else; ENAMETOOLONG for more than a path may have.
  static Result<std::string_view> name_of(const char* text);
  /// mq_open(3) of what name_of() answered. EACCES, ENAMETOOLONG for the name; EEXIST, ENOENT;
  /// EINVAL for the attributes; ENOSPC and EMFILE for too many queues.
  Result<Open<P>> open(std::string_view name, int flags, const mq_attr* attributes);
  Result<> unlink(const char* name);

 private:
  Result<Ref<MessageStore<P>>> make(const mq_attr* attributes);

  const bool is_privileged_;
  MessageQueueUsage usage_;
  typename P::Lock lock_;
  std::map<std::string, Ref<MessageStore<P>>, std::less<>> by_name_;
};

}  // namespace tocsin::vkern
