// SPDX-License-Identifier: MIT
//
// Pidfds and waitid, on three kernels: a child that ends when it is told to is a real one on Linux.
#include "tocsin/vkern/pidfd.hpp"

#include <sys/wait.h>

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/vkern/kernels_testing.hpp"

namespace tocsin::vkern {
namespace {

using Numbers = std::vector<int>;

constexpr unsigned readable = EPOLLIN | EPOLLRDNORM;
constexpr pid_t nobody = 0x7ffffff;

template <class K>
class PidFds : public KernelTest<K> {
 protected:
  ~PidFds() override {
    for (const pid_t child : children_) this->on_.finish(child, 0);
    siginfo_t which;
    while (this->kernel_.waitid(P_ALL, 0, which, WEXITED | WNOHANG) && which.si_pid != 0) continue;
  }

  pid_t spawn() {
    children_.push_back(this->on_.spawn());
    return children_.back();
  }
  void forget(pid_t child) { std::erase(children_, child); }
  void finish(pid_t child, unsigned char status = 0) {
    forget(child);
    this->on_.finish(child, status);
  }
  int open(pid_t pid, unsigned flags = 0) {
    return this->keep(this->kernel_.pidfd_open(pid, flags));
  }
  int wait(idtype_t type, pid_t id, int options) {
    which_.si_pid = -1;
    which_.si_signo = -1;
    return errno_of(this->kernel_.waitid(type, static_cast<id_t>(id), which_, options));
  }
  int reap(pid_t pid) { return wait(P_PID, pid, WEXITED | WNOHANG); }

  siginfo_t which_{};

 private:
  std::vector<pid_t> children_;
};
TYPED_TEST_SUITE(PidFds, AllKernels);

TYPED_TEST(PidFds, AreOpenedForWhoIsThere) {
  const int fd = this->open(this->kernel_.getpid(), O_NONBLOCK);
  EXPECT_EQ(this->kernel_.fcntl(fd, F_GETFL, 0), O_RDWR | O_NONBLOCK);
  EXPECT_EQ(this->kernel_.fcntl(fd, F_GETFD, 0), FD_CLOEXEC);
  EXPECT_EQ(this->mask_of(fd), 0u);
  for (const pid_t pid : {0, -1, -5})
    EXPECT_EQ(errno_of(this->kernel_.pidfd_open(pid, 0)), EINVAL) << pid;
  EXPECT_EQ(errno_of(this->kernel_.pidfd_open(nobody, 0)), ESRCH);
  EXPECT_EQ(errno_of(this->kernel_.pidfd_open(nobody, 1)), EINVAL);
  std::array<std::byte, 8> bytes{};
  EXPECT_EQ(errno_of(this->kernel_.read(fd, bytes)), EINVAL);
  EXPECT_EQ(errno_of(this->kernel_.write(fd, bytes)), EINVAL);
}

TYPED_TEST(PidFds, AnEndIsOneEdgeAndBeingWaitedForAnother) {
  const pid_t child = this->spawn();
  const int fd = this->open(child);
  const std::string name = std::to_string(child);
  this->watch(fd);
  EXPECT_EQ(this->mask_of(fd), 0u);
  EXPECT_EQ(this->edges(), Numbers{});
  this->finish(child);
  EXPECT_EQ(this->edges(), Numbers{fd});
  EXPECT_EQ(this->edges(), Numbers{});
  EXPECT_EQ(this->mask_of(fd), readable);
  EXPECT_EQ(this->on_.fdinfo(fd), "Pid:\t" + name + "\nNSpid:\t" + name + "\n");
  EXPECT_EQ(this->reap(child), 0);
  EXPECT_EQ(this->edges(), Numbers{fd});
  EXPECT_EQ(this->mask_of(fd), readable | EPOLLHUP);
  EXPECT_EQ(this->on_.fdinfo(fd), "Pid:\t-1\nNSpid:\t-1\n");
}

TYPED_TEST(PidFds, AZombieCanBeSentSignalsAndWhoIsGoneCannot) {
  const pid_t child = this->spawn();
  const int fd = this->open(child);
  const int other = this->keep(this->kernel_.eventfd(0, 0));
  EXPECT_EQ(errno_of(this->kernel_.pidfd_send_signal(fd, 99)), EINVAL);
  EXPECT_EQ(errno_of(this->kernel_.pidfd_send_signal(9999, 99)), EBADF);
  EXPECT_EQ(errno_of(this->kernel_.pidfd_send_signal(other, 99)), EBADF);
  this->finish(child, 5);
  EXPECT_TRUE(this->kernel_.kill(child, SIGKILL));
  EXPECT_TRUE(this->kernel_.pidfd_send_signal(fd, 0));
  EXPECT_TRUE(this->kernel_.pidfd_send_signal(fd, SIGTERM));
  this->open(child);
  EXPECT_EQ(this->reap(child), 0);
  EXPECT_EQ(this->which_.si_code, CLD_EXITED) << "what is sent to a zombie changes nothing";
  EXPECT_EQ(this->which_.si_status, 5);
  EXPECT_EQ(errno_of(this->kernel_.kill(child, 0)), ESRCH);
  EXPECT_EQ(errno_of(this->kernel_.pidfd_send_signal(fd, 99)), ESRCH);
  EXPECT_EQ(errno_of(this->kernel_.pidfd_open(child, 0)), ESRCH);
}

TYPED_TEST(PidFds, ASignalEndsAChildThatDoesNotBlockIt) {
  const pid_t child = this->spawn();
  const int fd = this->open(child);
  for (const int ignored : {SIGCHLD, SIGURG, SIGWINCH, SIGCONT})
    EXPECT_TRUE(this->kernel_.pidfd_send_signal(fd, ignored));
  EXPECT_EQ(this->reap(child), 0);
  EXPECT_EQ(this->which_.si_pid, 0) << "it is alive";
  ASSERT_TRUE(this->kernel_.pidfd_send_signal(fd, SIGKILL));
  this->forget(child);
  EXPECT_EQ(this->wait(P_PIDFD, fd, WEXITED), 0);
  EXPECT_EQ(this->which_.si_pid, child);
  EXPECT_EQ(this->which_.si_code, CLD_KILLED);
  EXPECT_EQ(this->which_.si_status, SIGKILL);
}

// ---- waitid(2) ----------------------------------------------------------------------------------

TYPED_TEST(PidFds, WaitidFindsFault) {
  const int pidfd = this->open(this->kernel_.getpid());
  const int other = this->keep(this->kernel_.eventfd(0, 0));
  struct Row {
    idtype_t type;
    pid_t id;
    int options;
    int error;
  };
  const Row rows[] = {
      {P_ALL, 0, WEXITED, ECHILD},      {P_ALL, 0, 0, EINVAL},
      {P_ALL, 0, WNOHANG, EINVAL},      {P_ALL, 0, WEXITED | 64, EINVAL},
      {P_PID, 0, WEXITED, EINVAL},      {P_PID, -5, WEXITED, EINVAL},
      {P_PID, nobody, WEXITED, ECHILD}, {P_PID, this->kernel_.getpid(), WEXITED, ECHILD},
      {P_PGID, -3, WEXITED, EINVAL},    {P_PGID, nobody, WEXITED, ECHILD},
      {P_PGID, 0, WEXITED, ECHILD},     {P_PIDFD, -1, WEXITED, EINVAL},
      {P_PIDFD, 9999, WEXITED, EBADF},  {P_PIDFD, 9999, 0, EINVAL},
      {P_PIDFD, other, WEXITED, EBADF}, {P_PIDFD, pidfd, WEXITED, ECHILD},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(this->wait(row.type, row.id, row.options), row.error)
        << "type " << row.type << ", id " << row.id << ", options " << row.options;
    EXPECT_EQ(this->which_.si_pid, 0);
    EXPECT_EQ(this->which_.si_signo, 0);
  }
}

TYPED_TEST(PidFds, WaitidAnswersForNobodyWhileAllLive) {
  const pid_t child = this->spawn();
  const int fd = this->open(child), nonblocking = this->open(child, O_NONBLOCK);
  EXPECT_EQ(this->wait(P_ALL, 0, WEXITED | WNOHANG), 0);
  EXPECT_EQ(this->which_.si_pid, 0);
  EXPECT_EQ(this->which_.si_signo, 0);
  EXPECT_EQ(this->wait(P_PGID, 0, WEXITED | WNOHANG), 0);
  EXPECT_EQ(this->wait(P_ALL, 0, WSTOPPED | WNOHANG), 0);
  EXPECT_EQ(this->wait(P_ALL, 0, WCONTINUED | WNOHANG), 0);
  EXPECT_EQ(this->wait(P_PIDFD, fd, WEXITED | WNOHANG), 0);
  EXPECT_EQ(this->wait(P_PIDFD, nonblocking, WEXITED), EAGAIN);
  EXPECT_EQ(this->wait(P_PIDFD, nonblocking, WEXITED | WNOHANG), 0);
  constexpr int clone_children = static_cast<int>(__WCLONE);
  EXPECT_EQ(this->wait(P_ALL, 0, WEXITED | WNOHANG | clone_children), ECHILD);
  EXPECT_EQ(this->wait(P_ALL, 0, WEXITED | WNOHANG | clone_children | __WALL), 0);
}

TYPED_TEST(PidFds, WaitidTakesAZombieUnlessToldNotTo) {
  const pid_t child = this->spawn();
  this->finish(child, 7);
  EXPECT_EQ(this->wait(P_ALL, 0, WSTOPPED | WNOHANG), ECHILD) << "it will never stop again";
  EXPECT_EQ(this->wait(P_PIDFD, this->open(child), WEXITED | WNOWAIT), 0);
  EXPECT_EQ(this->wait(P_ALL, 0, WEXITED), 0);
  EXPECT_EQ(this->which_.si_signo, SIGCHLD);
  EXPECT_EQ(this->which_.si_code, CLD_EXITED);
  EXPECT_EQ(this->which_.si_pid, child);
  EXPECT_EQ(this->which_.si_status, 7);
  EXPECT_EQ(this->wait(P_ALL, 0, WEXITED), ECHILD);
}

TYPED_TEST(PidFds, WaitidLooksAtTheOldestChildFirst) {
  const std::array<pid_t, 3> children{this->spawn(), this->spawn(), this->spawn()};
  this->finish(children[2]);
  this->finish(children[1]);
  for (const pid_t expected : {children[1], children[2]}) {
    EXPECT_EQ(this->wait(P_ALL, 0, WEXITED), 0);
    EXPECT_EQ(this->which_.si_pid, expected);
  }
  EXPECT_EQ(this->wait(P_ALL, 0, WEXITED | WNOHANG), 0);
  EXPECT_EQ(this->which_.si_pid, 0);
}

TYPED_TEST(PidFds, TheParentGetsSigchld) {
  sigset_t set, before;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  ASSERT_TRUE(this->kernel_.pthread_sigmask(SIG_BLOCK, &set, &before));
  const int fd = this->keep(this->kernel_.signalfd(-1, set, SFD_NONBLOCK));
  const pid_t child = this->spawn();
  EXPECT_EQ(this->mask_of(fd), 0u);
  this->finish(child, 9);
  std::array<signalfd_siginfo, 2> infos{};
  EXPECT_EQ(this->kernel_.read(fd, std::as_writable_bytes(std::span(infos))),
            Count{sizeof(signalfd_siginfo)});
  EXPECT_EQ(infos[0].ssi_signo, unsigned{SIGCHLD});
  EXPECT_EQ(infos[0].ssi_code, CLD_EXITED);
  EXPECT_EQ(infos[0].ssi_pid, static_cast<unsigned>(child));
  EXPECT_EQ(infos[0].ssi_status, 9);
  EXPECT_TRUE(this->kernel_.pthread_sigmask(SIG_SETMASK, &before, nullptr));
}

}  // namespace
}  // namespace tocsin::vkern
