// SPDX-License-Identifier: MIT
//
// Nginx: a real web server at a free port of the loopback, in a folder of its own; gone at the end.
//
// Thread rule: one thread.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tocsin/kern/folder_testing.hpp"
#include "tocsin/net/address.hpp"

extern char** environ;

namespace tocsin {

class Nginx {
 public:
  /// `locations` go into its server block; $root/ is `folder()`.
  explicit Nginx(const std::string& locations) {
    for (int attempts = 0; attempts < 3 && pid_ < 0; ++attempts) start(locations);
    EXPECT_GE(pid_, 0) << "nginx does not start";
  }
  Nginx(const Nginx&) = delete;
  Nginx& operator=(const Nginx&) = delete;
  ~Nginx() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }

  static bool is_installed() { return ::access(program, X_OK) == 0; }

  std::string url(const std::string& path) const { return "http://" + address_ + path; }
  const Folder& folder() const { return folder_; }

 private:
  static constexpr const char* program = "/usr/sbin/nginx";

  static Address free_a_moment_ago() {
    Kernel& kernel = LinuxKernel::shared();
    const Fd fd(kernel, kernel.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0).value());
    const Address any = Address::loopback(0);
    EXPECT_TRUE(kernel.bind(fd.get(), any.data(), any.size()));
    return local_address_of(kernel, fd.get()).value();
  }
  std::string configuration(const std::string& locations) const {
    std::string temporary;
    for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
      temporary += std::string(kind) + "_temp_path " + folder_.at(kind) + ";\n";
    return "daemon off;\nmaster_process off;\npid " + folder_.at("pid") +
           ";\nerror_log stderr notice;\nevents { worker_connections 1024; }\nhttp {\n"
           "access_log off;\nkeepalive_requests 100000;\n" +
           temporary + "server { listen " + address_ + ";\nroot " + folder_.path() + ";\n" +
           locations + "}}\n";
  }
  void start(const std::string& locations) {
    address_ = free_a_moment_ago().text();
    folder_.write("nginx.conf", configuration(locations));
    const std::string file = folder_.at("nginx.conf");
    std::array<const char*, 6> words{program, "-e", "stderr", "-c", file.c_str(), nullptr};

    std::array<int, 2> log{};
    ASSERT_EQ(::pipe2(log.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, log[1], STDERR_FILENO);
    pid_t pid = -1;
    const int failed =
        ::posix_spawn(&pid, program, &actions, nullptr, const_cast<char**>(words.data()), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(log[1]);
    // Said when the sockets listen.
    if (failed == 0 && says(log[0], "event method")) {
      pid_ = pid;
    } else if (failed == 0) {
      ::waitpid(pid, nullptr, 0);  // The port was taken: it has ended.
    }
    log_ = Fd(LinuxKernel::shared(), log[0]);  // Kept: it says more, and SIGPIPE would end it.
  }
  /// Whether `words` are in its log before that ends.
  static bool says(int log, std::string_view words) {
    std::string text;
    for (char byte = 0; ::read(log, &byte, 1) == 1;) {
      text += byte;
      if (text.ends_with(words)) return true;
    }
    return false;
  }

  Folder folder_;
  std::string address_;
  Fd log_;
  pid_t pid_ = -1;
};

}  // namespace tocsin
