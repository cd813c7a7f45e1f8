// SPDX-License-Identifier: MIT
//
// Folder: files for one test, on the kernel that it runs on.
//
//     test ──write, make_link──> [ Folder ] ──> Kernel: Linux' disk, or memory of one in user space
//
// Ownership: on Linux the folder goes with all that is in it. In a kernel in user space it stays as
// long as that, which is as long as the program; nobody meets it there, since no two have one name.
// Thread rule: one thread.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tocsin/base/bytes.hpp"
#include "tocsin/kern/kernel_testing.hpp"

namespace tocsin {

class Folder {
 public:
  explicit Folder(Kernel& kernel = kernel_under_test()) : kernel_(kernel) {
    static std::atomic<int> made = 0;
    const std::string base = is_linux_under_test() ? testing::TempDir() : "/tmp/";
    path_ = base + "tocsin-test-" + std::to_string(LinuxKernel::shared().getpid()) + "-" +
            std::to_string(++made);
    EXPECT_TRUE(kernel_.mkdirat(AT_FDCWD, path_.c_str(), 0755));
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    if (is_linux_under_test()) std::filesystem::remove_all(path_);
  }

  const std::string& path() const { return path_; }
  std::string at(std::string_view name) const { return (path_ + "/").append(name); }

  bool has(std::string_view name) const {
    struct statx status{};
    return kernel_.statx(AT_FDCWD, at(name).c_str(), AT_SYMLINK_NOFOLLOW, STATX_TYPE, status)
        .has_value();
  }
  /// A file with this text in it, and no other.
  void write(std::string_view name, std::string_view text) const {
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
    const Fd file(kernel_, kernel_.openat(AT_FDCWD, at(name).c_str(), flags, 0644).value());
    EXPECT_EQ(kernel_.write(file.get(), as_bytes(text)).value(), text.size());
  }
  void make_folder(std::string_view name) const {
    EXPECT_TRUE(kernel_.mkdirat(AT_FDCWD, at(name).c_str(), 0755));
  }
  void make_link(const char* target, std::string_view name) const {
    EXPECT_TRUE(kernel_.symlinkat(target, AT_FDCWD, at(name).c_str()));
  }
  void make_fifo(std::string_view name) const {
    EXPECT_TRUE(kernel_.mknodat(AT_FDCWD, at(name).c_str(), S_IFIFO | 0600));
  }
  void remove(std::string_view name) const {
    EXPECT_TRUE(kernel_.unlinkat(AT_FDCWD, at(name).c_str(), 0));
  }

 private:
  Kernel& kernel_;
  std::string path_;
};

}  // namespace tocsin
