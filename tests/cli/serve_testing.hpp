// SPDX-License-Identifier: MIT
//
// What tests of `tocsin serve` need: the program as its users start it, a folder to serve, and a
// client that sends any bytes at all.
//
// Thread rule: one thread.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

extern char** environ;

namespace tocsin {

/// A folder with a few files, and beside it a secret; gone at the end.
class Site {
 public:
  Site() {
    std::string name = (std::filesystem::temp_directory_path() / "tocsin-serve-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    base_ = name;
    std::filesystem::create_directories(root() / "folder");
    write("index.html", "<h1>index</h1>");
    write("folder/index.html", "<h1>folder</h1>");
    write("page.txt", "0123456789");
    write("a b.txt", "blank");
    write(".hidden", "secret");
    write("large.bin", large());
    std::ofstream(base_ / "secret.txt") << "secret";
    std::filesystem::create_symlink("../secret.txt", root() / "link.txt");
    std::filesystem::create_symlink("..", root() / "up");
  }
  ~Site() { std::filesystem::remove_all(base_); }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  std::filesystem::path root() const { return base_ / "root"; }
  std::filesystem::path base() const { return base_; }
  void write(const std::string& path, std::string_view text) const {
    std::ofstream(root() / path, std::ios::binary) << text;
  }

  /// More than all buffers between two processes hold; shows it if a byte is lost or doubled.
  static const std::string& large() {
    static const std::string bytes = [] {
      std::string text(20'000'000, '\0');
      for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 + i / 251);
      return text;
    }();
    return bytes;
  }

 private:
  std::filesystem::path base_;
};

/// What a command that has ended said.
struct Said {
  int status = -1;
  std::string out;
  std::string err;
};

/// A started program whose output is read through pipes; killed at the end if it still runs.
class Program {
 public:
  explicit Program(std::vector<std::string> arguments) {
    std::array<int, 2> out{};
    std::array<int, 2> err{};
    EXPECT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(err.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    EXPECT_EQ(::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    ::close(err[1]);
    out_ = out[0];
    err_ = err[0];
  }
  ~Program() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(out_);
    ::close(err_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// The next line it prints; what came of one if it ends before.
  std::string line() const { return line_of(out_); }
  std::string error_line() const { return line_of(err_); }
  /// Nothing is sent once it has ended: kill(2) of -1 would reach everybody.
  void signal(int number) const {
    if (pid_ > 0) ::kill(pid_, number);
  }
  pid_t pid() const { return pid_; }

  /// Waits for its end.
  Said end() {
    Said said;
    said.out = rest_of(out_);
    said.err = rest_of(err_);
    int status = 0;
    EXPECT_EQ(::waitpid(std::exchange(pid_, -1), &status, 0) > 0, true);
    said.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return said;
  }

 private:
  static std::string line_of(int fd) {
    std::string text;
    for (char byte = 0; ::read(fd, &byte, 1) == 1 && byte != '\n';) text += byte;
    return text;
  }
  static std::string rest_of(int fd) {
    std::string text;
    std::array<char, 65536> room;
    for (ssize_t count; (count = ::read(fd, room.data(), room.size())) > 0;)
      text.append(room.data(), static_cast<std::size_t>(count));
    return text;
  }

  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
};

inline Said run_tocsin(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), TOCSIN_BIN_DIR "/tocsin");
  return Program(std::move(arguments)).end();
}

/// `tocsin serve` of a site at a free port.
class ServeProgram : public Program {
 public:
  explicit ServeProgram(const Site& site, std::vector<std::string> more = {})
      : Program(command(site, std::move(more))), first_line(line()) {
    const std::size_t colon = first_line.find(':', first_line.find("http://") + 7);
    if (colon != first_line.npos) port = std::stoi(first_line.substr(colon + 1));
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port); }

  const std::string first_line;
  int port = 0;

 private:
  static std::vector<std::string> command(const Site& site, std::vector<std::string> more) {
    std::vector<std::string> all{TOCSIN_BIN_DIR "/tocsin", "serve", site.root().string(),
                                 "--listen", "127.0.0.1:0"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
};

/// A blocking connection that gives up after ten seconds of silence.
class RawClient {
 public:
  explicit RawClient(int port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<in_port_t>(port));
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { ::close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool is_connected() const { return connected_; }
  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;  // The server may refuse before it has read everything.
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  void finish() const { ::shutdown(fd_, SHUT_WR); }

  /// What comes next, at most `most` bytes; empty at the end.
  std::string receive(std::size_t most = 65536) const {
    std::string text(most, '\0');
    const ssize_t count = ::recv(fd_, text.data(), text.size(), 0);
    EXPECT_GE(count, 0) << "reset, or nothing came";
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
  }
  std::string receive_all() const {
    std::string all;
    for (std::string part; !(part = receive()).empty();) all += part;
    return all;
  }

 private:
  int fd_;
  bool connected_ = false;
};

/// All that comes back for `bytes` until the server, told that nothing follows, closes.
inline std::string ask(int port, std::string_view bytes) {
  const RawClient client(port);
  client.send(bytes);
  client.finish();
  return client.receive_all();
}

/// The three digits of the first answer in `text`; 0 if there is none.
inline int status_of(const std::string& text) {
  return text.starts_with("HTTP/1.1 ") ? std::stoi(text.substr(9, 3)) : 0;
}

}  // namespace tocsin
