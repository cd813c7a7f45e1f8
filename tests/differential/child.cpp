// SPDX-License-Identifier: MIT
#include "tests/differential/child.hpp"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "tests/differential/names.hpp"

namespace tocsin::differential {

Child::Child(const std::function<void()>& work) {
  // The file system of shared memory is one that tells of its files as vkern's does.
  const std::filesystem::path shared_memory = "/dev/shm";
  const bool is_there = std::filesystem::is_directory(shared_memory);
  const auto base = is_there ? shared_memory : std::filesystem::temp_directory_path();
  directory_ = (base / "tocsin-XXXXXX").string();
  CHECK(::mkdtemp(directory_.data()) != nullptr, "there is a temporary directory");
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  CHECK(pid_ != -1, "there is room for a process");
  id_ = pid_;
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent || ::chdir(directory_.c_str()) != 0) ::_exit(1);
    work();
    ::_exit(0);
  }
  pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  CHECK(pidfd_ != -1, "a child can be waited for");
}

Child::~Child() {
  kill();
  ::close(pidfd_);
  remove_queues(id_);
  std::error_code ignored;  // What cannot be removed stays.
  std::filesystem::remove_all(directory_, ignored);
}

std::optional<int> Child::wait(std::chrono::milliseconds limit) {
  if (pid_ == -1) return status_;
  pollfd ended{.fd = pidfd_, .events = POLLIN, .revents = 0};
  if (::poll(&ended, 1, static_cast<int>(limit.count())) <= 0) return std::nullopt;
  CHECK(::waitpid(pid_, &status_, 0) == pid_, "a child that has ended can be waited for");
  pid_ = -1;
  return status_;
}

void Child::kill() {
  if (pid_ == -1) return;
  ::kill(pid_, SIGKILL);
  CHECK(::waitpid(pid_, &status_, 0) == pid_, "a child that is killed ends");
  pid_ = -1;
}

}  // namespace tocsin::differential
