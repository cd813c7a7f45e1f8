// SPDX-License-Identifier: MIT
#include "bench/chain/chain.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

namespace chain {
namespace {

[[noreturn]] void refuse(const std::string& reason) {
  std::fprintf(stderr,
               "chain: %s\n"
               "usage: --pairs N --active A --writes W --runs R [--again]\n",
               reason.c_str());
  std::exit(2);
}

std::size_t number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0 || value > 10'000'000)
    refuse("not a number from 1 to 10,000,000: " + std::string(text));
  return value;
}

void set(Plan& plan, std::string_view name, std::string_view value) {
  if (name == "--pairs") {
    plan.pairs = number(value);
  } else if (name == "--active") {
    plan.active = number(value);
  } else if (name == "--writes") {
    plan.writes = number(value);
  } else if (name == "--runs") {
    plan.runs = number(value);
  } else {
    refuse("unknown option: " + std::string(name));
  }
}

}  // namespace

Plan parse(int argc, char** argv) {
  Plan plan;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--again") {
      plan.again = true;
      continue;
    }
    if (++i == argc) refuse(std::string(name) + ": a value is missing");
    set(plan, name, argv[i]);
  }
  if (plan.active > plan.pairs) refuse("more active pairs than there are");
  return plan;
}

Times now() {
  const auto read = [](clockid_t clock) {
    timespec time{};
    if (clock_gettime(clock, &time) != 0) fail("clock_gettime");
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
  };
  return {.wall = read(CLOCK_MONOTONIC), .cpu = read(CLOCK_PROCESS_CPUTIME_ID)};
}

void print(std::size_t events, const std::vector<Times>& runs) {
  const auto list = [&](const char* name, double Times::* which) {
    std::printf("\"%s\": [", name);
    const char* between = "";
    for (const Times& run : runs) {
      std::printf("%s%.1f", between, run.*which / static_cast<double>(events));
      between = ", ";
    }
    std::printf("]");
  };
  std::printf("{\"events\": %zu, ", events);
  list("ns", &Times::wall);
  std::printf(", ");
  list("cpu_ns", &Times::cpu);
  std::puts("}");
}

void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

Chain::Chain(const Plan& plan) : active_(plan.active), writes_(plan.writes) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) fail("getrlimit");
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) != 0) fail("setrlimit");
  for (std::size_t i = 0; i < plan.pairs; ++i) {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0)
      fail("socketpair");
    readers_.push_back(ends[0]);
    writers_.push_back(ends[1]);
  }
}

void Chain::begin() {
  left_ = writes_;
  received_ = 0;
  expected_ = active_;
  for (std::size_t i = 0; i < active_; ++i) write(i * (size() / active_));
}

// A pair holds at most the bytes that are under way: they fit into any buffer.
void Chain::write(std::size_t pair) {
  const char byte = 'e';
  if (send(writers_[pair], &byte, 1, MSG_NOSIGNAL) != 1) fail("send");
}

bool Chain::read(std::size_t pair) {
  char byte = 0;
  const ssize_t got = recv(readers_[pair], &byte, 1, 0);
  return got == 1;
}

void Chain::check() const {
  if (is_complete() && received_ == active_ + writes_ && left_ == 0) return;
  std::fprintf(stderr, "chain: %zu bytes of %zu came\n", received_, active_ + writes_);
  std::exit(1);
}

}  // namespace chain
