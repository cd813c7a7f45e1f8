// SPDX-License-Identifier: MIT
//
// The tree of files and what inotify tells of it, held against the running Linux: random calls on
// few names, the same on both, and every answer has to be the same: errno, bytes, masks, and each
// event in its order.
//
// Method: hold_against_linux. Linux works in a directory of tmpfs, since the other file systems
// differ in what they tell; cookies, which it counts for all of the machine, are numbered anew.
#include <sys/inotify.h>
#include <sys/ioctl.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>

#include "tocsin/kern/kernel_testing.hpp"
#include "tocsin/vkern/differential_testing.hpp"
#include "tocsin/vkern/file_sequences_testing.hpp"
#include "tocsin/vkern/kernels_testing.hpp"

namespace tocsin::vkern {
namespace {

namespace fs = std::filesystem;
using namespace file_sequences;

// To close one takes Linux a long time, so all sequences have the same two.
using Instances = std::array<int, 2>;

Instances make_instances(Kernel& kernel) {
  Instances made{};
  for (int& one : made) one = *kernel.inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  return made;
}

// One kernel's half of a comparison, in a directory that is empty at first.
class Replay {
 public:
  Replay(Kernel& kernel, std::string base, const Instances& instances)
      : kernel_(kernel), base_(std::move(base)), notify_(instances) {
    // Deep enough for paths with `..` behind links, of which none climbs further.
    for (const char* const below : {"", "/x", "/x", "/x"})
      EXPECT_TRUE(kernel_.mkdirat(AT_FDCWD, base_.append(below).c_str(), 0755));
    fds_.push_back(*kernel_.openat(AT_FDCWD, base_.c_str(), O_PATH | O_CLOEXEC, 0));
    for (std::size_t i = 0; i < notify_.size(); ++i) {
      before_[i] = *kernel_.inotify_add_watch(notify_[i], base_.c_str(), IN_OPEN);
      EXPECT_TRUE(kernel_.inotify_rm_watch(notify_[i], before_[i]));
      drain(notify_[i]);
    }
    epoll_ = *kernel_.epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = 0}};
    EXPECT_TRUE(kernel_.epoll_ctl(epoll_, EPOLL_CTL_ADD, notify_[0], &event));
  }
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;
  ~Replay() {
    for (const int fd : fds_) static_cast<void>(kernel_.close(fd));
    for (std::size_t i = 0; i < notify_.size(); ++i) {
      for (int watch = before_[i] + 1; watch <= last_[i]; ++watch)
        static_cast<void>(kernel_.inotify_rm_watch(notify_[i], watch));
      drain(notify_[i]);
    }
    static_cast<void>(kernel_.close(epoll_));
  }

  std::string apply(const Op& op);

 private:
  template <class T>
  static std::string answer(const Result<T>& result) {
    if (!result) return std::string(result.error().name());
    if constexpr (std::is_void_v<T>)
      return "done";
    else
      return std::to_string(*result);
  }
  static std::string answer(const Count& count) { return answer(Result<std::size_t>(count)); }

  int fd_of(const Op& op) const { return fds_[static_cast<std::size_t>(op.fd % fds_.size())]; }
  static std::size_t instance_of(const Op& op) { return op.fd % 4 == 0 ? 1 : 0; }
  void drain(int instance) {
    std::array<std::byte, 4096> room;
    while (kernel_.read(instance, room)) continue;
  }

  Result<int> open_beneath(int fd, const char* path, const open_how& how);
  std::string open(const Op& op);
  std::string read(const Op& op);
  std::string send(const Op& op);
  std::string status(const Op& op);
  std::string events(const Op& op);
  std::string mask(const Op& op);
  std::string set_times(const Op& op);
  std::string names_and_modes(const Op& op);
  std::string inotify(const Op& op);

  Kernel& kernel_;
  std::string base_;
  std::vector<int> fds_;
  Instances notify_;
  std::array<int, 2> before_{};  // The number of the last watch before the first of this.
  std::array<int, 2> last_{};
  int epoll_ = -1;
  std::map<std::uint32_t, std::size_t> cookies_;
};

// "EAGAIN: how.resolve contains either RESOLVE_IN_ROOT or RESOLVE_BENEATH, and the kernel could not
// ensure that a ".." component didn't escape (due to a race condition or potential attack). The
// caller may choose to retry" (openat2(2)). Any rename and any mount on the machine is such a race.
Result<int> Replay::open_beneath(int fd, const char* path, const open_how& how) {
  auto made = kernel_.openat2(fd, path, how);
  for (int tries = 0; !made && made.error() == Errno::again && tries < 1000; ++tries)
    made = kernel_.openat2(fd, path, how);
  return made;
}

std::string Replay::open(const Op& op) {
  const auto flags = static_cast<int>(op.value) | ((op.value & O_PATH) != 0 ? 0 : O_NONBLOCK);
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.mode = (flags & O_CREAT) != 0 ? 0644 : 0;
  how.resolve = resolves[op.other % resolves.size()];
  const auto made = op.kind == Kind::open ? kernel_.openat(fd_of(op), paths[op.path], flags, 0644)
                                          : open_beneath(fd_of(op), paths[op.path], how);
  if (!made) return answer(made);
  fds_.push_back(*made);
  return "made with " + answer(kernel_.fcntl(*made, F_GETFL, 0)) + " and " +
         answer(kernel_.fcntl(*made, F_GETFD, 0));
}

std::string Replay::read(const Op& op) {
  std::array<std::byte, 16> room{};
  const auto into = std::span(room).first(op.value);
  const iovec piece{.iov_base = room.data(), .iov_len = op.value};
  const Count count = op.kind == Kind::read ? kernel_.read(fd_of(op), into)
                      : op.kind == Kind::read_at
                          ? kernel_.pread(fd_of(op), into, op.other)
                          : kernel_.preadv2(fd_of(op), {&piece, 1}, op.other, 0);
  return answer(count) + " " + std::string(as_text(room));
}

std::string Replay::send(const Op& op) {
  std::uint64_t offset = op.other % 4;
  const int to = fds_[static_cast<std::size_t>(op.path % fds_.size())];
  struct statx source{}, target{};
  static_cast<void>(kernel_.statx(fd_of(op), "", AT_EMPTY_PATH, STATX_BASIC_STATS, source));
  static_cast<void>(kernel_.statx(to, "", AT_EMPTY_PATH, STATX_BASIC_STATS, target));
  // A FIFO takes pages of the file itself, which fill it otherwise than bytes do; a file that grows
  // while it is sent to itself is told of piece by piece.
  if (S_ISFIFO(target.stx_mode) || source.stx_ino == target.stx_ino) return "left out";
  const std::string told = answer(kernel_.sendfile(to, fd_of(op), &offset, op.value));
  return told + " up to " + std::to_string(offset);
}

std::string Replay::status(const Op& op) {
  struct statx facts{};
  const bool of_fd = op.value % 2 == 0;
  const int follows = op.value % 3 == 0 ? AT_SYMLINK_NOFOLLOW : 0;
  const auto done = kernel_.statx(fd_of(op), of_fd ? "" : paths[op.path],
                                  of_fd ? AT_EMPTY_PATH : follows, STATX_BASIC_STATS, facts);
  std::ostringstream told;
  told << answer(done) << " mode " << std::oct << facts.stx_mode << std::dec;
  if (S_ISLNK(facts.stx_mode)) told << " length " << facts.stx_size;
  if (S_ISREG(facts.stx_mode)) told << " size " << facts.stx_size << " links " << facts.stx_nlink;
  return told.str();
}

std::string Replay::events(const Op& op) {
  alignas(inotify_event) std::array<std::byte, 4096> room;
  const Count count = kernel_.read(notify_[instance_of(op)], std::span(room).first(op.value));
  std::ostringstream told;
  told << answer(count);
  for (std::size_t at = 0; at < count.value_or(0);) {
    inotify_event event{};
    std::memcpy(&event, &room[at], sizeof event);
    at += sizeof event;
    told << " [" << event.wd - before_[instance_of(op)] << ' ' << std::hex << event.mask
         << std::dec;
    if (event.cookie != 0)
      told << " cookie " << cookies_.emplace(event.cookie, cookies_.size()).first->second;
    if (event.len > 0) told << ' ' << reinterpret_cast<const char*>(&room[at]) << '/' << event.len;
    told << ']';
    at += event.len;
  }
  return told.str();
}

// Linux has O_PATH's as closed here.
std::string Replay::mask(const Op& op) {
  if ((kernel_.fcntl(fd_of(op), F_GETFL, 0).value_or(0) & O_PATH) != 0) return "left out";
  pollfd one{.fd = fd_of(op), .events = 0x7fdf, .revents = 0};
  const timespec no_time{};
  static_cast<void>(kernel_.ppoll({&one, 1}, &no_time));
  return std::to_string(one.revents);
}

// What was set is told with it; now is not.
std::string Replay::set_times(const Op& op) {
  constexpr std::array<long, 5> parts{UTIME_NOW, UTIME_OMIT, 7, 999'999'999, 1'000'000'000};
  const std::array times{timespec{.tv_sec = 1000, .tv_nsec = parts[op.value % parts.size()]},
                         timespec{.tv_sec = 2000, .tv_nsec = parts[op.other % parts.size()]}};
  const int flags = op.value % 2 == 0 ? AT_SYMLINK_NOFOLLOW : 0;
  const auto done = kernel_.utimensat(fd_of(op), paths[op.path], times.data(), flags);
  if (!done) return answer(done);
  struct statx facts{};
  static_cast<void>(kernel_.statx(fd_of(op), paths[op.path], flags, STATX_BASIC_STATS, facts));
  std::string told = "done";
  for (const auto& stamp : {facts.stx_atime, facts.stx_mtime})
    if (stamp.tv_sec <= 2000) told += ' ' + std::to_string(stamp.tv_nsec);
  return told;
}

std::string Replay::names_and_modes(const Op& op) {
  const char* const path = paths[op.path];
  const auto value = static_cast<unsigned>(op.value);
  switch (op.kind) {
    case Kind::make_directory:
      return answer(kernel_.mkdirat(fd_of(op), path, 0755));
    case Kind::make_node:
      return answer(kernel_.mknodat(fd_of(op), path, value));
    case Kind::make_link:
      return answer(kernel_.symlinkat(targets[op.other % targets.size()], fd_of(op), path));
    case Kind::set_times:
      return set_times(op);
    case Kind::remove:
      return answer(kernel_.unlinkat(fd_of(op), path, static_cast<int>(value)));
    case Kind::rename:
      return answer(kernel_.renameat2(fd_of(op), path, fds_[op.fd / 7 % fds_.size()],
                                      paths[op.other], value));
    default:
      return answer(kernel_.fchmodat(fd_of(op), path, value));
  }
}

std::string Replay::inotify(const Op& op) {
  const std::size_t which = instance_of(op);
  const int instance = notify_[which];
  int bytes = 0;
  switch (op.kind) {
    case Kind::watch: {
      const std::string path = base_ + "/" + paths[op.path];
      const auto made =
          kernel_.inotify_add_watch(instance, path.c_str(), static_cast<std::uint32_t>(op.value));
      if (!made) return answer(made);
      last_[which] = std::max(last_[which], *made);
      return std::to_string(*made - before_[which]);
    }
    case Kind::unwatch:
      return answer(
          kernel_.inotify_rm_watch(instance, before_[which] + static_cast<int>(op.value)));
    case Kind::events:
      return events(op);
    default: {
      const std::string told = answer(kernel_.ioctl(instance, FIONREAD, &bytes));
      return told + " bytes " + std::to_string(bytes);
    }
  }
}

std::string Replay::apply(const Op& op) {
  const std::string text(op.value % 16, 'x');
  epoll_event event{};
  switch (op.kind) {
    case Kind::open:
    case Kind::open_beneath:
      return open(op);
    case Kind::close: {
      if (fds_.size() == 1) return "none";
      const std::size_t which = 1 + op.fd % (fds_.size() - 1);
      const int fd = fds_[which];
      fds_.erase(fds_.begin() + static_cast<std::ptrdiff_t>(which));
      return answer(kernel_.close(fd));
    }
    case Kind::read:
    case Kind::read_at:
    case Kind::read_pieces:
      return read(op);
    case Kind::write:
      return answer(kernel_.write(fd_of(op), as_bytes(text)));
    case Kind::write_at:
      return answer(kernel_.pwrite(fd_of(op), as_bytes(text), op.other));
    case Kind::truncate:
      return answer(kernel_.ftruncate(fd_of(op), op.value == 11 ? ~0ULL : op.value));
    case Kind::send:
      return send(op);
    case Kind::status:
      return status(op);
    case Kind::wait:
      return answer(kernel_.epoll_wait(epoll_, {&event, 1}, 0)) + ' ' +
             std::to_string(event.events);
    case Kind::poll:
      return mask(op);
    case Kind::watch:
    case Kind::unwatch:
    case Kind::events:
    case Kind::unread:
      return inotify(op);
    default:
      return names_and_modes(op);
  }
}

template <class P>
void hold_files_against_linux(std::uint64_t sequences) {
  if (!fs::is_directory("/dev/shm")) GTEST_SKIP() << "there is no tmpfs to compare with";
  std::string folder = "/dev/shm/tocsin-files-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const Instances on_linux_too = make_instances(LinuxKernel::shared());
  std::size_t count = 0;
  const auto run = [&](const std::vector<Op>& ops, bool on_linux) {
    System<P> system;
    const std::string base = on_linux ? folder + "/" + std::to_string(++count) : "/base";
    Answers told;
    {
      Kernel& kernel = on_linux ? static_cast<Kernel&>(LinuxKernel::shared()) : system.init();
      Replay replay(kernel, base, on_linux ? on_linux_too : make_instances(kernel));
      for (const Op& op : ops) told.push_back(replay.apply(op));
    }
    if (on_linux) fs::remove_all(base);
    return told;
  };
  hold_against_linux(sequences, generate, run, tell);
  for (const int fd : on_linux_too) static_cast<void>(LinuxKernel::shared().close(fd));
  fs::remove_all(folder);
}

TEST(FilesAgainstLinux, AnswerTheSameInASingleWorld) {
  ONLY_AS_ROOT("for root no file's mode is in the way, and vkern's processes are root");
  hold_files_against_linux<Single>(1500);
}
TEST(FilesAgainstLinux, AnswerTheSameWithThreads) {
  ONLY_AS_ROOT("for root no file's mode is in the way, and vkern's processes are root");
  hold_files_against_linux<Threads>(500);
}

}  // namespace
}  // namespace tocsin::vkern
