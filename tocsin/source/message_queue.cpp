// SPDX-License-Identifier: MIT
#include "tocsin/source/message_queue.hpp"

#include <limits.h>

#include <algorithm>
#include <utility>

namespace tocsin {

Result<MessageQueue> MessageQueue::open(Loop& loop, const std::string& name,
                                        const MessageQueueOptions& options,
                                        std::source_location where) {
  Kernel& kernel = loop.kernel();
  int flags = options.access | O_NONBLOCK | O_CLOEXEC;
  if (options.create) flags |= O_CREAT;
  if (options.exclusive) flags |= O_EXCL;
  mq_attr wanted{};
  wanted.mq_maxmsg = options.most_messages;
  wanted.mq_msgsize = options.most_message_bytes;
  auto fd = own(kernel, kernel.mq_open(name.c_str(), flags, options.mode, &wanted));
  if (!fd) return std::unexpected(fd.error());
  const auto has = kernel.mq_getattr(fd->get());
  if (!has) return std::unexpected(has.error());
  // mq_receive(3) takes no room that is smaller than the longest message may be.
  if (std::cmp_greater(has->mq_msgsize, loop.buffers().buffer_size()))
    return std::unexpected(Errno{EMSGSIZE});
  auto source = FdSource::create(loop, std::move(*fd), "message queue", where);
  if (!source) return std::unexpected(source.error());
  return MessageQueue(std::move(*source));
}

// ---- operations ---------------------------------------------------------------------------------

bool ReceiveQueued::attempt() {
  FdSource& from = source();
  Buffer buffer = from.loop().buffers().take();
  const auto count =
      from.kernel().mq_timedreceive(from.fd(), buffer.room(), &message_.priority, nullptr);
  if (!count) return refused(count.error());
  from.spend(*count);
  buffer.fill(*count);
  message_.bytes = std::move(buffer);
  return true;
}

bool SendQueued::attempt() {
  FdSource& to = source();
  const auto done = to.kernel().mq_timedsend(to.fd(), bytes_, priority_, nullptr);
  if (!done) return refused(done.error());
  to.spend(bytes_.size());
  return true;
}

// ---- what people are told -----------------------------------------------------------------------

namespace {

// What is wrong with the name itself, which the kernel tells in four different ways; empty if
// nothing is.
std::string fault_of_name(const std::string& name) {
  if (!name.starts_with('/')) return "a queue's name begins with a slash: \"/" + name + "\"";
  const std::string word = name.substr(1);
  if (word.empty()) return "a queue's name is a slash and at least one character: \"/jobs\"";
  if (word.find('/') != word.npos)
    return "a queue's name has one slash, the first: queues are in no folders";
  if (word == "." || word == "..") return "a queue cannot be called \"" + word + "\"";
  if (word.size() > NAME_MAX) return "a queue's name has at most 255 characters behind its slash";
  return "";
}

struct Explanation {
  int error;
  const char* text;
};

constexpr Explanation explanations[] = {
    {ENOENT, "there is no such queue; who opens it with `create` makes it"},
    {EEXIST, "there is such a queue already, and it was to be made; unlink it, or open it"},
    {EACCES, "the queue belongs to somebody else, who has not permitted this (see its mode)"},
    {EINVAL,
     "a new queue may not be as large as that: see /proc/sys/fs/mqueue/msg_max and msgsize_max, "
     "which bind all who lack CAP_SYS_RESOURCE"},
    {EMFILE,
     "no descriptor is left (ulimit -n), or all queues of this user together would hold too many "
     "bytes (ulimit -q): make it smaller, or unlink others"},
    {ENFILE, "the machine has no descriptor left (/proc/sys/fs/file-max)"},
    {ENOSPC, "the machine has as many queues as /proc/sys/fs/mqueue/queues_max allows"},
    {ENOSYS, "this kernel has no message queues (CONFIG_POSIX_MQUEUE)"},
    {EMSGSIZE, "its messages are longer than the loop's buffers: see LoopOptions::buffer_size"},
};

}  // namespace

std::string explain_queue_error(const std::string& name, Errno error) {
  // A fault of the name explains EINVAL, ENOENT, EACCES and ENAMETOOLONG, and nothing else.
  constexpr int of_names[] = {EINVAL, ENOENT, EACCES, ENAMETOOLONG};
  const bool can_be_name = std::ranges::find(of_names, error.value()) != std::end(of_names);
  if (const std::string fault = fault_of_name(name); can_be_name && !fault.empty()) return fault;
  const auto* const found = std::ranges::find(explanations, error.value(), &Explanation::error);
  return found != std::end(explanations) ? found->text : std::string(error.message());
}

}  // namespace tocsin
