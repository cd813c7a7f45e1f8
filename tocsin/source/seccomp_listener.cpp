// SPDX-License-Identifier: MIT
#include "tocsin/source/seccomp_listener.hpp"

#include <limits.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>

namespace tocsin {

Result<SeccompListener> SeccompListener::create(Loop& loop, Fd listener,
                                                std::source_location where) {
  auto source = FdSource::create(loop, std::move(listener), "seccomp listener", where);
  if (!source) return std::unexpected(source.error());
  return SeccompListener(std::jthread(), std::move(*source));
}

// Once its filter is in force, every system call of the new thread may have to wait for this one:
// so it says that it is through with an atomic store, and this one waits awake. That takes as long
// as a thread takes to begin and to make two system calls.
Result<SeccompListener> SeccompListener::supervise(Loop& loop, SeccompFilter filter, Start start,
                                                   std::source_location where) {
  Result<Fd> installed;
  std::atomic<bool> is_installed = false;
  std::jthread thread([&installed, &is_installed, &kernel = loop.kernel(),
                       filter = std::move(filter), start = std::move(start)]() mutable {
    installed = filter.install(kernel);
    const bool sandboxed = installed.has_value();
    is_installed = true;  // What is captured by reference may be gone from here on.
    if (sandboxed) start();
  });
  while (!is_installed) std::this_thread::yield();
  if (!installed) return std::unexpected(installed.error());
  auto source = FdSource::create(loop, std::move(*installed), "seccomp listener", where);
  if (!source) return std::unexpected(source.error());
  return SeccompListener(std::move(thread), std::move(*source));
}

// SECCOMP_IOCTL_NOTIF_RECV sleeps until there is a call, O_NONBLOCK or not; so it is asked for one
// only when poll(2) knows of one. If the caller is killed in between it answers ENOENT.
bool NextSystemCall::attempt() {
  FdSource& from = source();
  Kernel& kernel = from.kernel();
  while (true) {
    pollfd state{.fd = from.fd(), .events = POLLIN, .revents = 0};
    const timespec now{};
    if (const auto polled = kernel.ppoll({&state, 1}, &now); !polled) {
      fail(polled.error());
      return true;
    }
    if ((state.revents & POLLIN) == 0)
      return refused((state.revents & POLLHUP) == 0 ? Errno::again : Errno{ESRCH});
    seccomp_notif notification{};  // It has to be zero: EINVAL.
    const auto received = kernel.ioctl(from.fd(), SECCOMP_IOCTL_NOTIF_RECV, &notification);
    from.spend(sizeof notification);
    if (!received && received.error() == Errno{ENOENT}) continue;
    if (!received) {
      fail(received.error());
      return true;
    }
    call_ = {.id = notification.id,
             .thread = static_cast<pid_t>(notification.pid),
             .number = notification.data.nr};
    std::ranges::copy(notification.data.args, call_.arguments.begin());
    return true;
  }
}

bool SeccompListener::is_waiting(const SystemCall& call) {
  std::uint64_t id = call.id;
  return kernel().ioctl(fd(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id).has_value();
}

Result<> SeccompListener::read_memory(const SystemCall& call, std::uint64_t address,
                                      MutableBytes into) {
  const iovec local{.iov_base = into.data(), .iov_len = into.size()};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of another process is a number here.
  const iovec remote{.iov_base = reinterpret_cast<void*>(address), .iov_len = into.size()};
  const Count count = kernel().process_vm_readv(call.thread, {&local, 1}, {&remote, 1});
  // Only now: what was read is the caller's if it waits still.
  if (!is_waiting(call)) return std::unexpected(Errno{ENOENT});
  if (!count) return std::unexpected(count.error());
  if (*count < into.size()) return std::unexpected(Errno{EFAULT});
  return {};
}

Result<std::string> SeccompListener::read_text(const SystemCall& call, std::uint64_t address) {
  const auto page_size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::string text;
  // From page to page: the next one need not be there.
  while (text.size() < PATH_MAX) {
    const std::uint64_t at = address + text.size();
    std::string part(std::min(page_size - at % page_size, PATH_MAX - text.size()), '\0');
    const auto read = read_memory(call, at, std::as_writable_bytes(std::span(part)));
    if (!read) return std::unexpected(read.error());
    const std::size_t end = part.find('\0');
    text.append(part, 0, end);
    if (end != part.npos) return text;
  }
  return std::unexpected(Errno{ENAMETOOLONG});
}

Result<> SeccompListener::send(const SystemCall& call, std::int64_t value, int error,
                               std::uint32_t flags) {
  seccomp_notif_resp response{.id = call.id, .val = value, .error = error, .flags = flags};
  const auto sent = kernel().ioctl(fd(), SECCOMP_IOCTL_NOTIF_SEND, &response);
  // EINPROGRESS: it has been answered, and has not got on yet.
  if (!sent && sent.error() == Errno{EINPROGRESS}) return std::unexpected(Errno{ENOENT});
  if (!sent) return std::unexpected(sent.error());
  return {};
}

Result<> SeccompListener::allow(const SystemCall& call) {
  return send(call, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

Result<> SeccompListener::deny(const SystemCall& call, Errno error) {
  return send(call, 0, -error.value(), 0);
}

Result<> SeccompListener::answer(const SystemCall& call, std::int64_t value) {
  return send(call, value, 0, 0);
}

Result<int> SeccompListener::give_fd(const SystemCall& call, int given, int flags) {
  seccomp_notif_addfd request{.id = call.id,
                              .flags = SECCOMP_ADDFD_FLAG_SEND,
                              .srcfd = static_cast<std::uint32_t>(given),
                              .newfd = 0,
                              .newfd_flags = static_cast<std::uint32_t>(flags)};
  const auto at_once = kernel().ioctl(fd(), SECCOMP_IOCTL_NOTIF_ADDFD, &request);
  if (at_once || at_once.error() != Errno::invalid) return at_once;
  request.flags = 0;
  const auto added = kernel().ioctl(fd(), SECCOMP_IOCTL_NOTIF_ADDFD, &request);
  if (!added) return added;
  if (const auto answered = answer(call, *added); !answered)
    return std::unexpected(answered.error());
  return added;
}

}  // namespace tocsin
