// SPDX-License-Identifier: MIT
//
// MessageQueue: messages with priorities, between the processes of a machine (mq_overview(7)).
//
//     mq_send(3) of any process ──> /name ──> [ MessageQueue ] ──> co_await queue.receive()
//
// The highest priority is received first, and of equal ones the oldest. A queue outlives the
// processes that use it, with what is in it, until its name is unlinked and the last one has closed
// it. There is no mq_notify(3) here: the queue's readiness is the notification, and that is had by
// everybody who waits, not by the one process that registered first.
//
// Ownership: it owns its descriptor and its registration, but not the name; the loop must outlive
// it. Thread rule: the loop's thread.
#pragma once

#include <memory>
#include <source_location>
#include <string>

#include "tocsin/source/fallible_operation.hpp"

namespace tocsin {

/// One message, in memory that is lent until `bytes` is destroyed.
struct QueuedMessage {
  Buffer bytes;  // Empty is a message, too.
  unsigned priority = 0;
};

/// See MessageQueue::receive.
class [[nodiscard]] ReceiveQueued final : public FallibleOperation<Direction::read> {
 public:
  explicit ReceiveQueued(FdSource& source) : FallibleOperation(source) {}
  ReceiveQueued(ReceiveQueued&&) = default;

  Result<QueuedMessage> await_resume() { return result(std::move(message_)); }

 private:
  bool attempt() override;

  QueuedMessage message_;
};

/// See MessageQueue::send.
class [[nodiscard]] SendQueued final : public FallibleOperation<Direction::write> {
 public:
  SendQueued(FdSource& source, ByteView bytes, unsigned priority)
      : FallibleOperation(source), bytes_(bytes), priority_(priority) {}
  SendQueued(SendQueued&&) = default;

  Result<> await_resume() const { return result(); }

 private:
  bool attempt() override;

  ByteView bytes_;
  unsigned priority_;
};

struct MessageQueueOptions {
  int access = O_RDWR;             // O_RDONLY to receive only, O_WRONLY to send only.
  bool create = true;              // Make it if it is not there; else ENOENT.
  bool exclusive = false;          // With `create`: EEXIST if it is there.
  mode_t mode = 0600;              // Of one that is made; the umask takes from it.
  long most_messages = 10;         // Of one that is made: then it is full. Ordinary users may have
  long most_message_bytes = 8192;  // what /proc/sys/fs/mqueue/msg_max and msgsize_max say.
};

class MessageQueue {
 public:
  /// Opens the queue `name`: one slash, then 1..255 characters that are none ("/jobs"). Fails as
  /// mq_open(3); explain_queue_error() has the sentence:
  ///   - EINVAL: the name has no slash in front, or the limits of a new queue are not allowed;
  ///   - ENOENT: there is none, or the name is only a slash;  EEXIST: see `exclusive`;
  ///   - EACCES: another slash in the name, or no permission;  ENAMETOOLONG;
  ///   - EMFILE: no descriptor left, or the user's queues hold too many bytes (RLIMIT_MSGQUEUE);
  ///   - ENOSPC: /proc/sys/fs/mqueue/queues_max;  ENOSYS: a kernel without queues;
  ///   - EMSGSIZE: its messages are longer than LoopOptions::buffer_size.
  /// After a failure nothing is open; a queue that was made stays.
  static Result<MessageQueue> open(Loop& loop, const std::string& name,
                                   const MessageQueueOptions& options = {},
                                   std::source_location where = std::source_location::current());

  /// Takes the name away: who has the queue keeps it. Fails as mq_unlink(3): ENOENT, EACCES.
  static Result<> unlink(Kernel& kernel, const std::string& name) {
    return kernel.mq_unlink(name.c_str());
  }

  /// Waits while it is empty. Fails with ECANCELED: no message is lost then; with EBADF if it was
  /// opened to send only. With a limit: `timeout(5s, queue.receive())`.
  ReceiveQueued receive() { return ReceiveQueued(*source_); }

  /// Waits while it is full; `bytes` stay the caller's and unchanged until it has ended. Fails with
  /// EMSGSIZE for more than mq_msgsize of `attributes`, EINVAL for a priority of MQ_PRIO_MAX
  /// (32768) or more, EBADF if it was opened to receive only, ECANCELED. Nothing was sent then.
  SendQueued send(ByteView bytes, unsigned priority = 0) { return {*source_, bytes, priority}; }

  /// What it can hold and how many messages it holds: mq_getattr(3).
  Result<mq_attr> attributes() { return source_->kernel().mq_getattr(source_->fd()); }

  /// The descriptor, for what is not offered here. It stays the queue's, and non-blocking.
  int fd() const { return source_->fd(); }

 private:
  explicit MessageQueue(std::unique_ptr<FdSource> source) : source_(std::move(source)) {}

  std::unique_ptr<FdSource> source_;
};

/// Why MessageQueue::open(`name`) or MessageQueue::unlink(`name`) failed with `error`, and what to
/// do about it, in a sentence for people.
std::string explain_queue_error(const std::string& name, Errno error);

}  // namespace tocsin
