// SPDX-License-Identifier: MIT
//
// The arguments of the load generator; `load --help` prints them.
//
// Plain data, read by all threads after main has filled it, written by none.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace load {

struct Options {
  sockaddr_in server{};             ///< --connect HOST:PORT, numeric IPv4.
  std::size_t connections = 100;    ///< --connections: the busy ones.
  std::size_t idle = 0;             ///< --idle: opened, used for one echo, then silent.
  std::size_t size = 64;            ///< --size: bytes of one message, 8 to 16384.
  double warm_up = 0.3;             ///< --warm-up: seconds that are not counted.
  double seconds = 1.0;             ///< --seconds: how long to count.
  std::uint64_t requests = 0;       ///< --requests: this many round trips instead of seconds.
  double rate = 0;                  ///< --rate: an open loop of so many messages a second.
  std::optional<int> server_pid{};  ///< --server-pid: whose CPU time to report as well.
  std::vector<int> cpus{};          ///< --cpus 0,1: one thread on each; default: 2, unpinned.
  bool hold = false;                ///< --hold: open, print "held", wait for the end of stdin.
};

/// Reads the command line. Ends the program with status 2 and one line on stderr if it is wrong,
/// with status 0 after --help.
Options parse_options(int argc, char** argv);

}  // namespace load
