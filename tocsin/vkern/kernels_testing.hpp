// SPDX-License-Identifier: MIT
//
// OnLinux, OnVkern: one test, three kernels: the running Linux and both policies of the one in user
// space.
//
//     TYPED_TEST(...) ──> KernelTest ──> Kernel: LinuxKernel, Process<Single>, Process<Threads>
//
// What they have beyond a Kernel: the text of /proc/self/fdinfo, and children that end when told.
//
// Ownership: the test's. Thread rule: one thread.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {

class OnLinux {
 public:
  OnLinux() = default;
  OnLinux(const OnLinux&) = delete;
  OnLinux& operator=(const OnLinux&) = delete;
  ~OnLinux() {
    for (const auto& [child, end] : children_) ::close(end);
  }

  Kernel& kernel() { return LinuxKernel::shared(); }

  /// Without the lines that every kind has.
  std::string fdinfo(int fd) {
    std::ifstream file("/proc/self/fdinfo/" + std::to_string(fd));
    std::string text;
    for (std::string line; std::getline(file, line);)
      if (!line.starts_with("pos:") && !line.starts_with("flags:") &&
          !line.starts_with("mnt_id:") && !line.starts_with("ino:"))
        text += line + "\n";
    return text;
  }

  /// A child that lives until `finish`.
  pid_t spawn() {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return -1;
    const pid_t pid = ::fork();
    if (pid == 0) {
      unsigned char status = 0;
      ::close(ends[1]);
      static_cast<void>(::read(ends[0], &status, 1));
      ::_exit(status);
    }
    ::close(ends[0]);
    children_.emplace_back(pid, ends[1]);
    return pid;
  }
  /// It ends with `status`, and is a zombie on return.
  void finish(pid_t pid, unsigned char status) {
    for (const auto& [child, end] : children_) {
      if (child != pid) continue;
      EXPECT_EQ(::write(end, &status, 1), 1);
    }
    siginfo_t info{};
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  }

 private:
  std::vector<std::pair<pid_t, int>> children_;
};

template <class P>
class OnVkern {
 public:
  Process<P>& kernel() { return system_.init(); }
  System<P>& system() { return system_; }
  std::string fdinfo(int fd) { return (*kernel().get(fd))->object().fdinfo(); }
  pid_t spawn() {
    children_.push_back(&kernel().fork());
    return children_.back()->getpid();
  }
  void finish(pid_t pid, unsigned char status) {
    for (Process<P>* const child : children_)
      if (child->getpid() == pid) child->exit(status);
  }

 private:
  System<P> system_;
  std::vector<Process<P>*> children_;
};

using AllKernels = testing::Types<OnLinux, OnVkern<Single>, OnVkern<Threads>>;

/// The errno of a result; 0 of one that has a value.
template <class R>
int errno_of(const R& result) {
  return result ? 0 : result.error().value();
}

/// A fixture on kernel `K`. What a test opens with `keep` is closed after it.
template <class K>
class KernelTest : public testing::Test {
 protected:
  ~KernelTest() override {
    for (const int fd : kept_) static_cast<void>(kernel_.close(fd));
  }

  int keep(Result<int> made) {
    EXPECT_TRUE(made) << errno_of(made);
    if (made) kept_.push_back(*made);
    return made.value_or(-1);
  }
  /// Everything that poll(2) says of it.
  unsigned mask_of(int fd) {
    pollfd one{.fd = fd, .events = 0x7fdf, .revents = 0};
    const timespec no_time{};
    EXPECT_TRUE(kernel_.ppoll({&one, 1}, &no_time));
    return static_cast<std::uint16_t>(one.revents);
  }
  /// Registers `fd`, edge-triggered, under its number.
  void watch(int fd, std::uint32_t events = EPOLLIN | EPOLLOUT | EPOLLHUP) {
    if (epoll_ == -1) epoll_ = keep(kernel_.epoll_create1(0));
    epoll_event event{.events = events | EPOLLET, .data = {.u64 = static_cast<std::uint64_t>(fd)}};
    EXPECT_TRUE(kernel_.epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event));
  }
  /// The numbers of what has had an edge since the last call, in order.
  std::vector<int> edges() {
    std::array<epoll_event, 8> events{};
    const Count count = kernel_.epoll_wait(epoll_, events, 0);
    std::vector<int> numbers;
    for (std::size_t i = 0; i < count.value_or(0); ++i)
      numbers.push_back(static_cast<int>(events[i].data.u64));
    return numbers;
  }

  K on_;
  Kernel& kernel_ = on_.kernel();

 private:
  int epoll_ = -1;
  std::vector<int> kept_;
};

}  // namespace tocsin::vkern
