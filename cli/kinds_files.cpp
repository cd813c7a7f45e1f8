// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <mqueue.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>

#include "cli/kind.hpp"

namespace tocsin::cli {
namespace {

Result<Specimen> open_path(Kernel& kernel, const char* path, int flags) {
  return specimen(kernel, kernel.openat(AT_FDCWD, path, flags | O_NONBLOCK | O_CLOEXEC, 0));
}

template <bool writes>
Result<Specimen> make_pipe(Kernel& kernel) {
  const auto ends = kernel.pipe2(O_NONBLOCK | O_CLOEXEC);
  if (!ends) return std::unexpected(ends.error());
  const Fd other(kernel, (*ends)[writes ? 0 : 1]);
  return Specimen(Fd(kernel, (*ends)[writes ? 1 : 0]));
}

Result<Specimen> make_queue(Kernel& kernel) {
  const std::string name = "/tocsin-events-" + std::to_string(kernel.getpid());
  const mq_attr attributes{
      .mq_flags = 0, .mq_maxmsg = 1, .mq_msgsize = 1, .mq_curmsgs = 0, .__pad = {}};
  auto queue = specimen(
      kernel, kernel.mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK | O_CLOEXEC, 0600,
                             &attributes));
  if (queue) static_cast<void>(kernel.mq_unlink(name.c_str()));
  return queue;
}

Result<Specimen> make_inotify(Kernel& kernel) {
  return specimen(kernel, kernel.inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
}

// What ordinary users may have is for single files and directories.
template <bool whole_file_systems>
Result<Specimen> make_fanotify(Kernel& kernel) {
  const unsigned kind = whole_file_systems ? FAN_CLASS_CONTENT : FAN_REPORT_FID;
  return specimen(kernel, kernel.fanotify_init(kind | FAN_NONBLOCK | FAN_CLOEXEC, O_RDONLY));
}

Result<Specimen> make_terminal(Kernel& kernel) {
  return open_path(kernel, "/dev/ptmx", O_RDWR | O_NOCTTY);
}

Result<Specimen> make_tun(Kernel& kernel) { return open_path(kernel, "/dev/net/tun", O_RDWR); }

// A duplicate: whoever started the program keeps theirs as it is.
Result<Specimen> make_stdin(Kernel& kernel) {
  return specimen(kernel, kernel.fcntl(0, F_DUPFD_CLOEXEC, 3));
}

Result<Specimen> make_file(Kernel& kernel) { return open_path(kernel, "/proc/self/exe", O_RDONLY); }

Result<Specimen> make_directory(Kernel& kernel) {
  return open_path(kernel, "/", O_RDONLY | O_DIRECTORY);
}

Result<Specimen> make_null(Kernel& kernel) { return open_path(kernel, "/dev/null", O_RDWR); }

Result<Specimen> make_mounts(Kernel& kernel) {
  return open_path(kernel, "/proc/self/mounts", O_RDONLY);
}

Result<Specimen> make_kernel_log(Kernel& kernel) {
  return open_path(kernel, "/dev/kmsg", O_RDONLY);
}

// Two seconds is what ordinary users may ask for, too.
Result<Specimen> make_pressure(Kernel& kernel) {
  auto fd = own(
      kernel, kernel.openat(AT_FDCWD, "/proc/pressure/memory", O_RDWR | O_NONBLOCK | O_CLOEXEC, 0));
  if (!fd) return std::unexpected(fd.error());
  constexpr std::string_view trigger{"some 200000 2000000\0", 20};
  if (auto set = kernel.write(fd->get(), std::as_bytes(std::span(trigger))); !set)
    return std::unexpected(set.error());
  return Specimen(std::move(*fd));
}

constexpr std::string_view not_epolls = "never waits, says epoll; files are read by a FileEngine";

}  // namespace

std::vector<Kind> file_kinds() {
  return {
      {"pipe, to read", "pipe(7)", make_pipe<false>},
      {"pipe, to write", "pipe(7)", make_pipe<true>},
      {"message queue",
       "mq_overview(7)",
       make_queue,
       {{ENOSYS, "this kernel has none (CONFIG_POSIX_MQUEUE)"},
        {EMFILE, "too many: ulimit -q, sysctl fs.mqueue.queues_max"}}},
      {"file changes",
       "inotify(7)",
       make_inotify,
       {{EMFILE, "too many: sysctl fs.inotify.max_user_instances"}}},
      {"file identities",
       "fanotify(7)",
       make_fanotify<false>,
       {{EPERM, "needs CAP_SYS_ADMIN before Linux 5.13"},
        {ENOSYS, "this kernel has none (CONFIG_FANOTIFY)"},
        {EMFILE, "too many: sysctl fs.fanotify.max_user_groups"}}},
      {"whole file systems",
       "fanotify(7)",
       make_fanotify<true>,
       {{EPERM, "needs CAP_SYS_ADMIN"},
        {ENOSYS, "this kernel has none (CONFIG_FANOTIFY)"},
        {EMFILE, "too many: sysctl fs.fanotify.max_user_groups"}}},
      {"terminal", "pty(7)", make_terminal, {{ENOENT, "no /dev/ptmx: mount devpts"}}},
      {"tun, tap",
       "netdevice(7)",
       make_tun,
       {{ENOENT, "no /dev/net/tun (CONFIG_TUN)"}, {ENODEV, "this kernel has none (CONFIG_TUN)"}},
       "an interface of one's own needs CAP_NET_ADMIN"},
      {"mounts", "proc(5)", make_mounts, {}, "a change is EPOLLPRI and EPOLLERR"},
      {"pressure",
       "accounting/psi",
       make_pressure,
       {{ENOENT, "this kernel has none (CONFIG_PSI)"},
        {EOPNOTSUPP, "switched off; boot with psi=1"}},
       "EPOLLPRI"},
      {"kernel log",
       "dev-kmsg",
       make_kernel_log,
       {{EPERM, "needs CAP_SYSLOG (sysctl kernel.dmesg_restrict)"},
        {EACCES, "this user may not open /dev/kmsg"}}},
      {"standard input",
       "stdin(3)",
       make_stdin,
       {{EPERM, "is a file here; that is read all the same"}}},
      {"regular file", "epoll_ctl(2)", make_file, {{EPERM, not_epolls}}},
      {"directory", "epoll_ctl(2)", make_directory, {{EPERM, "its changes are inotify's"}}},
      {"/dev/null", "null(4)", make_null, {{EPERM, "never waits, says epoll"}}},
  };
}

}  // namespace tocsin::cli
