// SPDX-License-Identifier: MIT
//
// Nginx: a real web server at a free port of the loopback, in a folder of its own; gone at the end.
//
// Thread rule: one thread.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tocsin/kern/daemon_testing.hpp"
#include "tocsin/kern/folder_testing.hpp"
#include "tocsin/net/address.hpp"

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
    // Said when the sockets listen.
    Daemon started =
        start_daemon({program, "-e", "stderr", "-c", folder_.at("nginx.conf")}, "event method");
    pid_ = started.pid;
    log_ = std::move(started.log);  // Kept: it says more, and SIGPIPE would end it.
  }

  Folder folder_;
  std::string address_;
  Fd log_;
  pid_t pid_ = -1;
};

}  // namespace tocsin
