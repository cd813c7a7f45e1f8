// SPDX-License-Identifier: MIT
#include "tocsin/source/child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <algorithm>

#include "tocsin/base/check.hpp"
#include "tocsin/source/orphans.hpp"

namespace tocsin {
namespace {

// Of <linux/pidfd.h>, since Linux 6.13, its exit code since 6.15; the first version of it.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup;
  std::uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  std::int32_t exit_code;  // As wait(2) stores it.
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr std::uint64_t with_exit_code = 1 << 3;
constexpr unsigned long pidfd_get_info = _IOWR(0xFF, 11, PidfdInfo);

ExitStatus status_of(int wait_status) {
  if (WIFEXITED(wait_status)) return {.code = WEXITSTATUS(wait_status)};
  return {.signal = WTERMSIG(wait_status), .core_dumped = WCOREDUMP(wait_status) != 0};
}

// Somebody else has waited for it. The kernel may still know how it ended, for those with a pidfd.
Result<ExitStatus> status_on_record(Kernel& kernel, int pidfd) {
  PidfdInfo info{};
  info.mask = with_exit_code;
  const auto asked = kernel.ioctl(pidfd, pidfd_get_info, &info);
  if (!asked || (info.mask & with_exit_code) == 0) return std::unexpected(Errno{ECHILD});
  return status_of(info.exit_code);
}

// Whether it has ended; its status is known then.
Result<bool> clear_away(Kernel& kernel, internal::ChildState& child, int options) {
  if (child.status) return true;
  siginfo_t ended{};
  const auto waited =
      kernel.waitid(P_PIDFD, static_cast<id_t>(child.pidfd), ended, WEXITED | options);
  if (!waited && waited.error() == Errno{ECHILD}) {
    const auto status = status_on_record(kernel, child.pidfd);
    if (!status) return std::unexpected(status.error());
    child.status = *status;
  } else if (!waited) {
    return std::unexpected(waited.error());
  } else if (ended.si_pid != 0) {
    child.status = ExitStatus::of(ended);
  }
  return child.status.has_value();
}

// What a child's descriptors are made of: which of ours becomes which, and what to keep until then.
struct Descriptors {
  std::vector<SpawnRequest::Placed> placed;
  std::vector<Fd> theirs;
};

std::vector<char*> pointers_to(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

ExitStatus ExitStatus::of(const siginfo_t& ended) {
  if (ended.si_code == CLD_EXITED) return {.code = ended.si_status};
  return {.signal = ended.si_status, .core_dumped = ended.si_code == CLD_DUMPED};
}

bool ChildExit::attempt() {
  source().spend(0);
  const auto ended = clear_away(source().kernel(), child_, WNOHANG);
  if (!ended) {
    fail(ended.error());
    return true;
  }
  if (!*ended) source().blocked(Direction::read);
  return *ended;
}

// Both ends close on exec: the child gets a copy of its own.
Result<Fd> Child::make_pipe(Kernel& kernel, const ChildFd& what, std::vector<Pipe>& pipes) {
  const auto ends = kernel.pipe2(O_CLOEXEC);
  if (!ends) return std::unexpected(ends.error());
  const bool they_read = what.kind_ == ChildFd::Kind::readable_pipe;
  Fd ours(kernel, (*ends)[they_read ? 1 : 0]);
  Fd theirs(kernel, (*ends)[they_read ? 0 : 1]);
  // Ends of a pipe are two descriptions: theirs goes on to block, as programs expect.
  if (auto done = kernel.fcntl(ours.get(), F_SETFL, O_NONBLOCK); !done)
    return std::unexpected(done.error());
  pipes.push_back({.to = what.to_, .ours = std::move(ours)});
  return theirs;
}

Result<Child> Child::spawn(Loop& loop, const ChildOptions& options, std::source_location where) {
  CHECK(!options.arguments.empty(), "a child needs a program to run");
  Kernel& kernel = loop.kernel();
  Descriptors descriptors;
  std::vector<Pipe> pipes;
  for (const ChildFd& fd : options.fds) {
    if (fd.kind_ == ChildFd::Kind::copy) {
      descriptors.placed.push_back({.from = fd.from_, .to = fd.to_});
      continue;
    }
    auto theirs = fd.kind_ == ChildFd::Kind::null
                      ? own(kernel, kernel.openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0))
                      : make_pipe(kernel, fd, pipes);
    if (!theirs) return std::unexpected(theirs.error());
    descriptors.placed.push_back({.from = theirs->get(), .to = fd.to_});
    descriptors.theirs.push_back(std::move(*theirs));
  }

  const std::vector<char*> arguments = pointers_to(options.arguments);
  std::vector<char*> environment;
  if (options.environment) environment = pointers_to(*options.environment);
  const auto made = kernel.pidfd_spawn(
      {.program = arguments.front(),
       .arguments = arguments.data(),
       .environment = options.environment ? environment.data() : nullptr,
       .directory = options.directory.empty() ? nullptr : options.directory.c_str(),
       .descriptors = descriptors.placed,
       .group = options.group,
       .terminal = options.terminal});
  if (!made) return std::unexpected(made.error());
  auto source = FdSource::create(loop, Fd(kernel, made->pidfd), "child", where);
  if (!source) {
    siginfo_t ended{};
    static_cast<void>(kernel.kill(made->pid, SIGKILL));  // As in ~Child.
    static_cast<void>(kernel.waitid(P_PID, static_cast<id_t>(made->pid), ended, WEXITED));
    return std::unexpected(source.error());
  }
  auto state = std::make_unique<internal::ChildState>(made->pid, made->pidfd);
  if (options.orphans != nullptr) options.orphans->add(*state);
  return Child(std::move(state), std::move(*source), std::move(pipes));
}

// Neither can fail in a way that leaves something to be done: ESRCH and ECHILD say that somebody
// else has cleared it away.
Child::~Child() {
  if (state_ == nullptr || state_->status) return;
  Kernel& kernel = source_->kernel();
  static_cast<void>(kernel.pidfd_send_signal(state_->pidfd, SIGKILL));
  while (true) {
    const auto ended = clear_away(kernel, *state_, 0);
    if (ended || ended.error() != Errno::interrupted) return;
  }
}

Result<> Child::signal(int number) {
  return source_->kernel().pidfd_send_signal(state_->pidfd, number);
}

Fd Child::take_pipe(int fd) {
  const auto found = std::ranges::find(pipes_, fd, &Pipe::to);
  CHECK(found != pipes_.end() && found->ours, "no pipe was asked for there, or it is taken");
  return std::move(found->ours);
}

}  // namespace tocsin
