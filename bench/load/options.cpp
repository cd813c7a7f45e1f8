// SPDX-License-Identifier: MIT
#include "bench/load/options.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace load {
namespace {

constexpr const char* usage =
    "usage: load --connect HOST:PORT [--connections N] [--idle M] [--size BYTES]\n"
    "            [--warm-up S] [--seconds S | --requests R | --hold]\n"
    "            [--rate R] [--server-pid PID] [--cpus 0,1]\n"
    "\n"
    "A closed loop: every connection sends one message, waits for all of it to come back,\n"
    "compares it, sends the next. Prints one line of JSON. With --requests, R round trips in all\n"
    "and no warm-up. With --rate, an open loop: R messages a second, sent when they are due or as\n"
    "soon after as their connection has its last answer; latencies count from when they were due.\n"
    "With --hold, no load: the idle connections are kept until stdin ends.\n";

[[noreturn]] void refuse(const std::string& reason) {
  std::fprintf(stderr, "load: %s\n%s", reason.c_str(), usage);
  std::exit(2);
}

template <class T>
T number(std::string_view name, std::string_view text, T least, T most) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most)
    refuse(std::string(name) + ": not a number in its range: " + std::string(text));
  return value;
}

sockaddr_in address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) refuse("--connect: HOST:PORT is wanted");
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(number<std::uint16_t>("--connect", text.substr(colon + 1), 1, 65535));
  const std::string host(text.substr(0, colon));
  if (inet_pton(AF_INET, host.c_str(), &server.sin_addr) != 1)
    refuse("--connect: not a numeric IPv4 address: " + host);
  return server;
}

std::vector<int> list(std::string_view text) {
  std::vector<int> cpus;
  while (true) {
    const auto comma = text.find(',');
    cpus.push_back(number("--cpus", text.substr(0, comma), 0, 1023));
    if (comma == std::string_view::npos) return cpus;
    text.remove_prefix(comma + 1);
  }
}

void set(Options& options, std::string_view name, std::string_view value) {
  if (name == "--connect") {
    options.server = address(value);
  } else if (name == "--connections") {
    options.connections = number<std::size_t>(name, value, 1, 1000000);
  } else if (name == "--idle") {
    options.idle = number<std::size_t>(name, value, 0, 1000000);
  } else if (name == "--size") {
    options.size = number<std::size_t>(name, value, 8, 16384);
  } else if (name == "--warm-up") {
    options.warm_up = number(name, value, 0.0, 60.0);
  } else if (name == "--seconds") {
    options.seconds = number(name, value, 0.01, 3600.0);
  } else if (name == "--requests") {
    options.requests = number<std::uint64_t>(name, value, 1, UINT64_MAX);
  } else if (name == "--rate") {
    options.rate = number(name, value, 1.0, 1e7);
  } else if (name == "--server-pid") {
    options.server_pid = number(name, value, 1, 1 << 30);
  } else if (name == "--cpus") {
    options.cpus = list(value);
  } else {
    refuse("unknown option: " + std::string(name));
  }
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--help") {
      std::fputs(usage, stdout);
      std::exit(0);
    }
    if (name == "--hold") {
      options.hold = true;
      continue;
    }
    if (++i == argc) refuse(std::string(name) + ": a value is missing");
    set(options, name, argv[i]);
  }
  if (options.rate > 0 && options.requests > 0) refuse("--rate goes with --seconds");
  if (options.server.sin_port == 0) refuse("--connect is missing");
  return options;
}

}  // namespace load
