// SPDX-License-Identifier: MIT
#include "bench/load/worker.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <limits>

#include "bench/load/connections.hpp"

namespace load {
namespace {

constexpr std::uint64_t longest_silence = 30'000'000'000;  // Nanoseconds.
constexpr std::uint64_t longest_rest = 2'000'000'000;      // After the end of a schedule.
constexpr std::uint64_t without_end = std::numeric_limits<std::uint64_t>::max();

void pin_to(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) fail("sched_setaffinity");
}

double thread_cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

// Its number in the first bytes; the last of them change with every message.
std::string message_of(std::uint32_t id, std::size_t size) {
  std::string message(size, 'x');
  std::memcpy(message.data(), &id, sizeof id);
  return message;
}

}  // namespace

Worker::Worker(const std::vector<int>& fds, std::size_t size, std::uint32_t first_id)
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), buffer_(size) {
  if (epoll_ < 0) fail("epoll_create1");
  connections_.reserve(fds.size());
  for (const int fd : fds) {
    const auto index = static_cast<std::uint32_t>(connections_.size());
    connections_.push_back({.fd = fd,
                            .received = 0,
                            .sent_at = 0,
                            .remaining = without_end,
                            .owed = 0,
                            .turn = index,
                            .waits = false,
                            .message = message_of(first_id + index, size)});
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) fail("fcntl");
    epoll_event event{.events = EPOLLIN, .data = {.u32 = index}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
  }
}

Worker::~Worker() { close(epoll_); }

void Worker::run_until(Plan plan, int cpu) {
  plan_ = plan;
  begin(cpu);
}

void Worker::run_requests(std::uint64_t requests, int cpu) {
  plan_ = {.count_from = 0, .end = without_end};
  const std::uint64_t each = requests / connections_.size();
  const std::uint64_t rest = requests % connections_.size();
  for (std::size_t i = 0; i < connections_.size(); ++i)
    connections_[i].remaining = each + (i < rest ? 1 : 0);
  begin(cpu);
}

void Worker::run_on_schedule(Plan plan, double rate, int cpu) {
  plan_ = plan;
  schedule_.emplace(now(), rate);
  turns_ = schedule_->turns_before(plan.end);
  begin(cpu);
}

void Worker::begin(int cpu) {
  pin_to(cpu);
  const double before = thread_cpu_seconds();
  for (Connection& connection : connections_) {
    if (connection.remaining == 0 || schedule_) continue;
    ++busy_;
    send_next(connection, now());
  }
  run();
  cpu_seconds_ = thread_cpu_seconds() - before;
}

// It does not sleep: whoever sends to a sleeper pays for waking it, and how often a server would
// pay depends on the chance of the moment, not on the server.
void Worker::run() {
  std::array<epoll_event, 512> events;
  std::uint64_t heard_at = now();
  while (running_ && (schedule_ ? keep_schedule(now()) : busy_ > 0)) {
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("epoll_wait");
    if (count == 0) {
      if (now() - heard_at > longest_silence)
        fail_with("the server has been silent for 30 seconds");
      continue;
    }
    heard_at = now();
    for (int i = 0; i < count; ++i)
      on_readable(connections_[events[static_cast<std::size_t>(i)].data.u32]);
  }
}

void Worker::send_next(Connection& connection, std::uint64_t time) {
  --connection.remaining;
  connection.sent_at = time;
  connection.received = 0;
  std::string& message = connection.message;
  const auto number = static_cast<std::uint32_t>(connection.remaining);
  std::memcpy(message.data() + message.size() - sizeof number, &number, sizeof number);
  // A message is smaller than any send buffer and the last one has been answered: it fits.
  const ssize_t sent = send(connection.fd, message.data(), message.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(message.size())) fail("send");
}

void Worker::on_readable(Connection& connection) {
  const std::size_t missing = connection.message.size() - connection.received;
  const ssize_t got = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0) fail("recv");
  if (got == 0) fail_with("the server closed a connection");
  const auto bytes = static_cast<std::size_t>(got);
  if (bytes > missing) fail_with("the server sent more than it was sent");
  if (std::memcmp(buffer_.data(), connection.message.data() + connection.received, bytes) != 0)
    fail_with("the server sent back other bytes than it was sent");
  connection.received += bytes;
  if (connection.received < connection.message.size()) return;

  const std::uint64_t time = now();
  if (schedule_)
    answered_on_schedule(connection, time);
  else
    answered(connection, time);
}

void Worker::answered(Connection& connection, std::uint64_t time) {
  if (time >= plan_.end) {
    running_ = false;
    return;
  }
  if (time >= plan_.count_from) latencies_.record(time - connection.sent_at);
  if (connection.remaining > 0)
    send_next(connection, time);
  else
    --busy_;
}

// ---- an open loop -------------------------------------------------------------------------------

// Sends what is due by now. False when all has been answered, or nothing more will be.
bool Worker::keep_schedule(std::uint64_t time) {
  for (; next_turn_ < turns_ && schedule_->due(next_turn_) <= time; ++next_turn_) {
    Connection& connection = connections_[next_turn_ % connections_.size()];
    ++connection.owed;
    if (!connection.waits) send_due(connection);
  }
  if (next_turn_ == turns_ && busy_ == 0) return false;
  if (time < plan_.end + longest_rest) return true;
  give_up(time);
  return false;
}

void Worker::send_due(Connection& connection) {
  --connection.owed;
  connection.waits = true;
  ++busy_;
  send_next(connection, schedule_->due(connection.turn));
}

void Worker::answered_on_schedule(Connection& connection, std::uint64_t time) {
  if (connection.sent_at >= plan_.count_from) latencies_.record(time - connection.sent_at);
  connection.turn += connections_.size();
  connection.waits = false;
  --busy_;
  if (connection.owed > 0) send_due(connection);
}

void Worker::give_up(std::uint64_t time) {
  for (Connection& connection : connections_) {
    const std::uint64_t missing = connection.owed + (connection.waits ? 1 : 0);
    for (std::uint64_t i = 0; i < missing; ++i) {
      const std::uint64_t due = schedule_->due(connection.turn + i * connections_.size());
      if (due < plan_.count_from) continue;
      latencies_.record(time - due);
      ++unanswered_;
    }
  }
}

}  // namespace load
