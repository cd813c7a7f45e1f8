// SPDX-License-Identifier: MIT
//
// BusDaemon: a dbus-daemon of the test's own, in a private folder; gone at the end, with that.
//
// Thread rule: one thread.
#pragma once

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tocsin/kern/folder_testing.hpp"

extern char** environ;

namespace tocsin {

class BusDaemon {
 public:
  /// Everybody may do everything on it. `is_there` tells whether it could be started.
  BusDaemon() {
    if (!std::filesystem::exists("/usr/bin/dbus-daemon")) return;
    folder_.write("bus.conf",
                  "<busconfig><listen>unix:path=" + folder_.at("bus") +
                      "</listen><auth>EXTERNAL</auth><policy context='default'>"
                      "<allow user='*'/><allow own='*'/><allow send_destination='*'/>"
                      "<allow receive_sender='*'/></policy>"
                      "<limit name='max_replies_per_connection'>1000</limit>"
                      "<limit name='max_match_rules_per_connection'>8</limit></busconfig>");
    start();
  }
  BusDaemon(const BusDaemon&) = delete;
  BusDaemon& operator=(const BusDaemon&) = delete;
  ~BusDaemon() { kill(); }

  bool is_there() const { return pid_ >= 0; }
  const std::string& address() const { return address_; }

  /// It ends at once; its connections with it.
  void kill() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
    folder_.remove("bus");
  }
  /// Another one, at the same path.
  void start() {
    std::string config = "--config-file=" + folder_.at("bus.conf");
    std::string print = "--print-address=1";
    std::string foreground = "--nofork";
    std::string name = "dbus-daemon";
    const std::array<char*, 5> arguments{name.data(), config.data(), print.data(),
                                         foreground.data(), nullptr};
    std::array<int, 2> out{};
    ASSERT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    // It complains of what it may not raise (RLIMIT_NOFILE), and works.
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    EXPECT_EQ(
        ::posix_spawn(&pid_, "/usr/bin/dbus-daemon", &actions, nullptr, arguments.data(), environ),
        0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    address_.clear();
    for (char byte = 0; ::read(out[0], &byte, 1) == 1 && byte != '\n';) address_ += byte;
    ::close(out[0]);
    EXPECT_FALSE(address_.empty()) << "dbus-daemon did not start";
  }

 private:
  Folder folder_;
  pid_t pid_ = -1;
  std::string address_;
};

}  // namespace tocsin
