// SPDX-License-Identifier: MIT
//
// ControlGroup: a group of cgroup v2 for a test, in a hierarchy that it mounts where nobody else
// sees it.
//
//     in_child ──> [ ControlGroup ] ──> unshare(2), mount(2), mkdir(2) ──> the group's folder
//
// Only for a process of the test's own (child_testing.hpp): the mounts that it sees are changed for
// good. The group is one of the machine's: its name is the process's, and it is removed.
//
// Ownership: the group. Thread rule: the only thread of its process.
#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/base/errno.hpp"

namespace tocsin {

class ControlGroup {
 public:
  /// Mounts the hierarchy at `point`, a folder. If that is forbidden, `why_not` says why.
  explicit ControlGroup(const std::string& point)
      : path_(point + "/tocsin-test-" + std::to_string(::getpid())), why_not_(make(point)) {}
  ControlGroup(const ControlGroup&) = delete;
  ControlGroup& operator=(const ControlGroup&) = delete;
  ~ControlGroup() {
    if (why_not_.empty()) remove();
  }

  /// Empty if there is a group.
  const std::string& why_not() const { return why_not_; }

  const std::string& path() const { return path_; }
  std::string at(const char* file) const { return path_ + "/" + file; }
  void write(const char* file, const std::string& text) const {
    std::ofstream(at(file)) << text << std::flush;
  }

  /// Nobody may live in it any more. At the end it is removed if it was not before.
  void remove() { EXPECT_TRUE(::rmdir(path_.c_str()) == 0 || errno == ENOENT) << errno; }

 private:
  std::string make(const std::string& point) const {
    const char* failed = nullptr;
    if (::unshare(CLONE_NEWNS) != 0)
      failed = "needs CAP_SYS_ADMIN for mounts of its own: ";
    else if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      failed = "cannot make its mounts private: ";
    else if (::mount("none", point.c_str(), "cgroup2", 0, nullptr) != 0)
      failed = "cannot mount cgroup2: ";
    else if (::mkdir(path_.c_str(), 0755) != 0)
      failed = "cannot make a group: ";
    return failed == nullptr ? "" : std::string(failed).append(Errno{errno}.name());
  }

  std::string path_;
  std::string why_not_;
};

}  // namespace tocsin
