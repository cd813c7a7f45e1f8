// SPDX-License-Identifier: MIT
//
// One `tocsin watch` of everything at once: in lines, in JSON, and with a command for each event.
// Names and ports are the test's own; the network is, too, where that is allowed.
#include <fcntl.h>
#include <mqueue.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/watch_testing.hpp"
#include "tocsin/kern/network_namespace_testing.hpp"
#include "tocsin/net/address.hpp"

namespace tocsin {
namespace {

// A port that was free a moment ago.
int free_port(int type) {
  const Fd fd(LinuxKernel::shared(), ::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  socklen_t length = sizeof address;
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  return ntohs(address.sin_port);
}

/// A thing of each kind, each of which can be made to happen.
class Mix {
 public:
  Mix() {
    for (const char* const name : {"events.fifo", "keys"})
      EXPECT_EQ(::mkfifo(at(name).c_str(), 0600), 0);
    // Held open, so that the shell can open it to read.
    keys_ = Fd(kernel_, ::open(at("keys").c_str(), O_RDWR | O_CLOEXEC));
  }
  ~Mix() {
    if (queue_ < 0) return;
    ::mq_close(queue_);
    ::mq_unlink(queue_name_.c_str());
  }
  Mix(const Mix&) = delete;
  Mix& operator=(const Mix&) = delete;

  /// Starts `tocsin watch` of all of it, and waits until it watches.
  void start(const std::vector<std::string>& more = {}) {
    std::vector<std::string> command{
        "sh", "-c", "cd \"$0\" && exec " TOCSIN_BIN_DIR "/tocsin watch \"$@\" < keys",
        site_.base().string()};
    std::ranges::copy(what(), std::back_inserter(command));
    std::ranges::copy(more, std::back_inserter(command));
    program_.emplace(std::move(command));
    if (program_->line().empty()) throw std::runtime_error(program_->end().err);
  }

  /// Makes something of each kind happen, and answers what is to be told of it.
  std::set<std::string> happen() {
    site_.write("new.txt", "new");
    program_->signal(SIGHUP);
    other_.signal(SIGKILL);
    std::ofstream(at("events.fifo")) << "one";
    EXPECT_EQ(::write(keys_.get(), "k", 1), 1);
    std::set<std::string> events{"timer:50ms tick",       "file:root created",
                                 pid_ + " ended",         "fifo:events.fifo data",
                                 "signal:HUP signal",     tcp_ + " connected",
                                 "unix:x.sock connected", udp_ + " datagram",
                                 tcp_ + " data",          "key key"};
    if (queue_ >= 0) {
      EXPECT_EQ(::mq_send(queue_, "two", 3, 7), 0);
      events.insert("mq:" + queue_name_ + " message");
    }
    if (network_.why_not().empty()) {
      for (const bool up : {false, true}) network_.set_up("lo", up);
      events.insert("netlink:link changed");
    }
    RawClient(tcp_port_).send("three");
    const auto udp = Address::loopback(static_cast<std::uint16_t>(udp_port_));
    EXPECT_EQ(send_to(udp, SOCK_DGRAM), 0);
    EXPECT_EQ(send_to(Address::parse("unix:" + at("x.sock")).value(), SOCK_STREAM), 0);
    return events;
  }

  /// Reads lines until each of `events` was told; `event_of` has it of a line, if it is one.
  void expect(std::set<std::string> events, std::string (*event_of)(const std::string& line)) {
    for (std::string line; !events.empty() && !(line = program_->line()).empty();)
      events.erase(event_of(line));
    EXPECT_EQ(events, std::set<std::string>()) << "what nothing was told of";
    program_->signal(SIGTERM);
    EXPECT_EQ(program_->end().status, 0);
  }

 private:
  std::string at(const char* name) const { return (site_.base() / name).string(); }

  std::vector<std::string> what() const {
    std::vector<std::string> all{"file:root",   "--recursive",      "timer:50ms", "signal:HUP",
                                 pid_,          "fifo:events.fifo", tcp_,         udp_,
                                 "unix:x.sock", "netlink:link",     "mounts",     "key"};
    if (queue_ >= 0) all.push_back("mq:" + queue_name_);
    if (::access("/proc/pressure/memory", W_OK) == 0) all.emplace_back("psi:memory:some:100ms:2s");
    all.insert(all.end(), {"--timeout", "30"});
    return all;
  }

  mqd_t make_queue() const {
    const mqd_t queue =
        ::mq_open(queue_name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600, nullptr);
    EXPECT_TRUE(queue >= 0 || errno == ENOSYS) << errno;
    return queue;
  }

  // Connects and sends a word; an errno.
  int send_to(const Address& to, int type) const {
    const Fd fd(kernel_, ::socket(to.family(), type | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), to.data(), to.size()) != 0) return errno;
    return ::send(fd.get(), "four", 4, MSG_NOSIGNAL) == 4 ? 0 : errno;
  }

  Kernel& kernel_ = LinuxKernel::shared();
  NetworkNamespace network_;  // If there can be none: what can be told without.
  Site site_;
  Program other_{{"cat", "/dev/zero"}};
  const int tcp_port_ = free_port(SOCK_STREAM);
  const int udp_port_ = free_port(SOCK_DGRAM);
  const std::string pid_ = "pid:" + std::to_string(other_.pid());
  const std::string tcp_ = "tcp:127.0.0.1:" + std::to_string(tcp_port_);
  const std::string udp_ = "udp::" + std::to_string(udp_port_);
  const std::string queue_name_ = "/tocsin-mix-" + std::to_string(::getpid());
  const mqd_t queue_ = make_queue();
  Fd keys_;
  std::optional<Program> program_;
};

TEST(WatchMix, TellsEverythingInOneStreamOfLines) {
  Mix mix;
  mix.start();
  mix.expect(mix.happen(), [](const std::string& line) {
    return line.substr(0, line.find(' ', line.find(' ') + 1));
  });
}

TEST(WatchMix, EachLineIsJsonIfThatWasAskedFor) {
  Mix mix;
  mix.start({"--json"});
  mix.expect(mix.happen(), [](const std::string& line) {
    const auto event = nlohmann::json::parse(line, nullptr, false);
    EXPECT_TRUE(event.is_object()) << line;
    return event.value("what", "") + " " + event.value("event", "");
  });
}

TEST(WatchMix, ACommandHasEachEventInItsEnvironment) {
  Mix mix;
  mix.start({"--exec", "echo \"ran $TOCSIN_WHAT $TOCSIN_EVENT\""});
  mix.expect(mix.happen(), [](const std::string& line) {
    return line.starts_with("ran ") ? line.substr(4) : "";
  });
}

}  // namespace
}  // namespace tocsin
