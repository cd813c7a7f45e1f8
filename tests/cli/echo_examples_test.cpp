// SPDX-License-Identifier: MIT
//
// The echo servers among the examples, as their users meet them: the program is started on a free
// port, talked to over TCP by blocking clients, and told to end. All of them keep the same
// promises.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

extern char** environ;

namespace tocsin {
namespace {

/// A started program, its first line of output read; killed at the end if it is still there.
class Server {
 public:
  explicit Server(const std::string& name, const std::string& where = "127.0.0.1:0") {
    std::array<int, 2> out{};
    EXPECT_EQ(pipe2(out.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDERR_FILENO);
    std::string path = std::string(TOCSIN_BIN_DIR "/examples/") + name;
    std::string argument = where;
    char* arguments[] = {path.data(), argument.data(), nullptr};
    if (posix_spawn(&pid_, path.c_str(), &actions, nullptr, arguments, environ) != 0) {
      pid_ = -1;
      ADD_FAILURE() << "cannot start " << path;
    }
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    for (char byte = 0; read(out[0], &byte, 1) == 1 && byte != '\n';) line_ += byte;
    close(out[0]);
  }
  ~Server() {
    if (pid_ > 0) end(SIGKILL);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  const std::string& line() const { return line_; }
  pid_t pid() const { return pid_; }
  std::string address() const { return line_.substr(line_.rfind(' ') + 1); }

  /// Its exit status, or minus the signal that ended it. Signal 0: waits for it to end by itself.
  int end(int signal) {
    int status = 0;
    if (pid_ <= 0) return not_there;  // To kill(2), -1 would be every process there is.
    if (signal != 0) kill(pid_, signal);
    if (waitpid(pid_, &status, 0) != pid_) return not_there;
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  static constexpr int not_there = -1000;

  pid_t pid_ = -1;
  std::string line_;
};

/// A blocking TCP connection that gives up after ten seconds of silence.
class Client {
 public:
  explicit Client(const Server& server) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    const std::string where = server.address();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<in_port_t>(std::stoi(where.substr(where.find(':') + 1))));
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  Client(Client&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Client() {
    if (fd_ >= 0) close(fd_);
  }

  void say(const std::string& text) const {
    std::size_t sent = 0;
    while (sent < text.size()) {
      const ssize_t count = send(fd_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      ASSERT_GT(count, 0);
      sent += static_cast<std::size_t>(count);
    }
  }

  /// As many bytes as asked for, fewer if the stream ends before.
  std::string hear(std::size_t size) const {
    std::string text(size, '\0');
    std::size_t heard = 0;
    while (heard < size) {
      const ssize_t count = recv(fd_, text.data() + heard, size - heard, 0);
      EXPECT_GE(count, 0);
      if (count <= 0) break;
      heard += static_cast<std::size_t>(count);
    }
    text.resize(heard);
    return text;
  }

  void finish() const { EXPECT_EQ(shutdown(fd_, SHUT_WR), 0); }

  /// Whether a byte comes, rather than the end or a reset.
  bool is_answered() const {
    char byte = 0;
    return recv(fd_, &byte, 1, 0) == 1;
  }

  /// Sends until the server stops reading; answers how much went.
  std::string say_until_nobody_listens() const {
    std::string sent;
    const std::string chunk(65536, 'f');
    pollfd room{.fd = fd_, .events = POLLOUT, .revents = 0};
    while (sent.size() < 64'000'000 && poll(&room, 1, 200) == 1) {
      const ssize_t count = send(fd_, chunk.data(), chunk.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count > 0) sent.append(chunk, 0, static_cast<std::size_t>(count));
    }
    return sent;
  }

 private:
  int fd_;
};

/// Bytes that show it if one is lost, doubled or out of place.
std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 31 + i / 251) & 0x7f);
  return text;
}

class EchoExample : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Each, EchoExample,
                         testing::Values("echo", "echo_level", "echo_edge", "oneshot_pool"),
                         [](const auto& example) { return std::string(example.param); });

TEST_P(EchoExample, SendsBackWhatItIsSent) {
  Server server(GetParam());
  ASSERT_TRUE(server.line().starts_with("listening on 127.0.0.1:")) << server.line();
  const Client client(server);
  for (const std::size_t size : {1U, 64U, 1000U, 100'000U}) {
    client.say(pattern(size));
    EXPECT_TRUE(client.hear(size) == pattern(size)) << size;  // Not printed: it is long.
  }
  EXPECT_EQ(server.end(SIGTERM), 0);
}

TEST_P(EchoExample, AStreamOfEightMegabytesComesBackWhole) {
  Server server(GetParam());
  const Client client(server);
  const std::string all = pattern(8'000'000);
  std::jthread talker([&] {
    client.say(all);
    client.finish();
  });
  EXPECT_TRUE(client.hear(all.size()) == all);
  talker.join();
  EXPECT_EQ(client.hear(1), "") << "and the end after it";
  EXPECT_EQ(server.end(SIGTERM), 0);
}

TEST_P(EchoExample, WhoFinishesBeforeItListensStillGetsItsAnswerAndThenTheEnd) {
  Server server(GetParam());
  for (int i = 0; i < 20; ++i) {
    const Client client(server);
    client.say("the last word");
    client.finish();
    EXPECT_EQ(client.hear(100), "the last word");
  }
  EXPECT_EQ(server.end(SIGINT), 0);
}

TEST_P(EchoExample, TwoHundredAtOnceAreAllAnswered) {
  Server server(GetParam());
  std::vector<Client> clients;
  for (int i = 0; i < 200; ++i) clients.emplace_back(server);
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < clients.size(); ++i) clients[i].say("I am " + std::to_string(i));
    for (std::size_t i = 0; i < clients.size(); ++i) {
      const std::string expected = "I am " + std::to_string(i);
      EXPECT_EQ(clients[i].hear(expected.size()), expected);
    }
  }
  EXPECT_EQ(server.end(SIGTERM), 0) << "with all of them still there";
}

TEST_P(EchoExample, OneWhoNeverListensHoldsUpNobodyAndIsServedWhenItDoes) {
  Server server(GetParam());
  const Client deaf(server);
  const std::string sent = deaf.say_until_nobody_listens();
  EXPECT_LT(sent.size(), 64'000'000u) << "the server takes more than it can send back";
  const Client other(server);
  other.say("anybody there?");
  EXPECT_EQ(other.hear(14), "anybody there?");
  deaf.finish();
  EXPECT_TRUE(deaf.hear(sent.size() + 1) == sent);
  EXPECT_EQ(server.end(SIGTERM), 0);
}

// Out of descriptors, accept(2) fails with EMFILE while the listener stays ready: the classic spin.
// A TcpListener refuses who waits, so that they learn at once, and comes back when somebody leaves.
TEST(EchoOutOfDescriptors, AnswersEverybodyAtOnceAndComesBack) {
  Server server("echo");
  const rlimit few{.rlim_cur = 16, .rlim_max = 16};
  ASSERT_EQ(prlimit(server.pid(), RLIMIT_NOFILE, &few, nullptr), 0);
  std::size_t served = 0;
  {
    std::vector<Client> clients;
    for (int i = 0; i < 30; ++i) {
      clients.emplace_back(server);
      clients.back().say("x");
    }
    for (const Client& client : clients) served += client.is_answered() ? 1 : 0;
  }
  EXPECT_GE(served, 1u);
  EXPECT_LT(served, 16u);
  bool is_back = false;  // Until it has seen that they have gone, it may refuse.
  for (int i = 0; i < 100 && !is_back; ++i) {
    const Client later(server);
    later.say("x");
    is_back = later.is_answered();
  }
  EXPECT_TRUE(is_back);
  EXPECT_EQ(server.end(SIGTERM), 0);
}

// The others accept by hand, and leave who waits in the backlog.
TEST_P(EchoExample, OutOfDescriptorsItNeitherSpinsNorForgetsWhoWaits) {
  if (GetParam() == std::string("echo")) GTEST_SKIP() << "it refuses them: see above";
  Server server(GetParam());
  const rlimit few{.rlim_cur = 16, .rlim_max = 16};
  ASSERT_EQ(prlimit(server.pid(), RLIMIT_NOFILE, &few, nullptr), 0);
  std::vector<Client> clients;
  for (int i = 0; i < 30; ++i) {
    clients.emplace_back(server);
    clients.back().say("x");
  }
  EXPECT_EQ(clients.front().hear(1), "x");
  // Whoever is served leaves, and makes room for one of those who wait in the backlog.
  std::size_t served = 0;
  for (const Client& client : clients) {
    client.finish();
    if (&client == &clients.front()) continue;
    served += client.hear(1) == "x" ? 1 : 0;
  }
  EXPECT_EQ(served, clients.size() - 1);
  EXPECT_EQ(server.end(SIGTERM), 0);
}

TEST_P(EchoExample, WhatItCannotDoIsOneLineAndStatus2) {
  Server first(GetParam());
  Server taken(GetParam(), first.address());
  EXPECT_NE(taken.line().find("Address already in use"), std::string::npos) << taken.line();
  EXPECT_EQ(taken.end(0), 2);
  Server unreadable(GetParam(), "nonsense");
  EXPECT_NE(unreadable.line().find("nonsense: Invalid argument"), std::string::npos);
  EXPECT_EQ(unreadable.end(0), 2);
  EXPECT_EQ(first.end(SIGTERM), 0);
}

}  // namespace
}  // namespace tocsin
