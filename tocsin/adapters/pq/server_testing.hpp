// SPDX-License-Identifier: MIT
//
// PqServer: a PostgreSQL of the test's own, in a folder of its own; gone at the end.
//
//     initdb ──> a folder ──> postgres ──> a UNIX socket in it, and a free port of the loopback
//
// postgres refuses to run as root: then it, and the folder, are the user `postgres`'. If the test's
// process is killed, the server is as well (PR_SET_PDEATHSIG), and a shell that waits for the end
// of both removes the folder.
//
// Thread rule: one thread, which lives as long as the server.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/fd.hpp"
#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/net/address.hpp"

namespace tocsin::pq {

class PqServer {
 public:
  /// `is_there` tells whether there is one: not if PostgreSQL is not installed.
  PqServer() {
    for (const char* version : {"15", "16", "17"}) {
      const std::string bin = std::string("/usr/lib/postgresql/") + version + "/bin";
      if (std::filesystem::exists(bin + "/postgres")) programs_ = bin;
    }
    if (::geteuid() == 0) user_ = ::getpwnam("postgres");
    if (programs_.empty() || (::geteuid() == 0 && user_ == nullptr)) return;
    make_folder();
    run_initdb();
    for (int attempts = 0; attempts < 3 && !is_there(); ++attempts) start();
    EXPECT_TRUE(is_there()) << log_;
  }
  PqServer(const PqServer&) = delete;
  PqServer& operator=(const PqServer&) = delete;
  ~PqServer() {
    if (is_there()) {
      ::kill(pid_, SIGQUIT);  // "Immediate": its children have gone when it ends.
      ::waitpid(pid_, nullptr, 0);
    }
    if (cleaner_ < 0) return;
    ::close(alive_);
    ::waitpid(cleaner_, nullptr, 0);
  }

  bool is_there() const { return pid_ > 0; }
  /// By its UNIX socket; for Connection::connect.
  std::string conninfo() const { return at(folder_); }
  /// By TCP, at the same port, which is free in ::1.
  std::string tcp_conninfo() const { return at("127.0.0.1"); }
  std::string at(const std::string& hosts) const {
    return "host=" + hosts + " port=" + port_ + " user=tocsin dbname=postgres";
  }
  const std::string& folder() const { return folder_; }
  const std::string& port() const { return port_; }

 private:
  void make_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "tocsin-pq-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    start_cleaner();
    if (user_ == nullptr) return;
    EXPECT_EQ(::chown(name.c_str(), user_->pw_uid, user_->pw_gid), 0);
  }

  /// It removes the folder when the pipe from here has no writer left.
  void start_cleaner() {
    int alive[2];
    ASSERT_EQ(::pipe2(alive, O_CLOEXEC), 0);
    cleaner_ = ::fork();
    if (cleaner_ == 0) {
      ::setsid();  // What ends the test's process group is not meant for it.
      ::dup2(alive[0], STDIN_FILENO);
      ::execl("/bin/sh", "sh", "-c", "read -r _; until rm -rf \"$1\"; do :; done", "sh",
              folder_.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(alive[0]);
    alive_ = alive[1];
  }

  void run_initdb() {
    const auto [pid, output] =
        spawn({programs_ + "/initdb", "-D", folder_ + "/data", "-U", "tocsin", "-A", "trust",
               "--no-sync", "--no-locale", "-E", "UTF8"});
    static_cast<void>(says(output, "(to its end)"));
    ::close(output);
    ::waitpid(pid, nullptr, 0);
  }

  void start() {
    port_ = free_port();
    const auto [pid, output] =
        spawn({programs_ + "/postgres", "-D", folder_ + "/data", "-k", folder_, "-h", "127.0.0.1",
               "-p", port_, "-F", "-c", "max_connections=20", "-c", "shared_buffers=1MB"});
    if (says(output, "ready to accept connections")) {
      pid_ = pid;
    } else {
      ::waitpid(pid, nullptr, 0);  // The port was taken, or log_ has the reason: it has ended.
    }
    ::close(output);  // From here on it is silent.
  }

  /// One that was free a moment ago.
  static std::string free_port() {
    Kernel& kernel = LinuxKernel::shared();
    const Fd socket(kernel, kernel.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0).value());
    const Address any = Address::loopback(0);
    EXPECT_TRUE(kernel.bind(socket.get(), any.data(), any.size()));
    return std::to_string(local_address_of(kernel, socket.get()).value().port());
  }

  /// Reads what comes, into log_. Answers whether `words` come before its end.
  bool says(int output, std::string_view words) {
    log_.clear();
    for (char byte = 0; ::read(output, &byte, 1) == 1;) {
      log_ += byte;
      if (log_.ends_with(words)) return true;
    }
    return false;
  }

  /// The program, and what it says.
  std::pair<pid_t, int> spawn(std::vector<std::string> words) const {
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    int output[2];
    EXPECT_EQ(::pipe2(output, O_CLOEXEC), 0);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) become(arguments.data(), output[1], parent);
    ::close(output[1]);
    return {pid, output[0]};
  }

  [[noreturn]] void become(char** arguments, int output, pid_t parent) const {
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    const bool is_user =
        user_ == nullptr || (::setgroups(0, nullptr) == 0 && ::setgid(user_->pw_gid) == 0 &&
                             ::setuid(user_->pw_uid) == 0);
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);  // (A change of user takes it back.)
    if (is_user && ::getppid() == parent && ::chdir("/") == 0) ::execv(arguments[0], arguments);
    ::_exit(127);
  }

  std::string programs_;
  std::string folder_;
  const passwd* user_ = nullptr;  // As whom it runs; null: as who runs the test.
  std::string port_;
  std::string log_;  // What was said last.
  pid_t pid_ = -1;
  pid_t cleaner_ = -1;
  int alive_ = -1;  // Closed when this process ends, however it does.
};

/// One for all tests of a program.
inline const PqServer& shared_server() {
  static const PqServer server;
  return server;
}

}  // namespace tocsin::pq
