// SPDX-License-Identifier: MIT
//
// start_daemon: a real server, started by a test, which goes on once the server says it is ready.
//
// Thread rule: one thread.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/fd.hpp"
#include "tocsin/kern/linux_kernel.hpp"

extern char** environ;

namespace tocsin {

/// A server that runs, the caller's to end and wait for; none with a negative pid. `log` is the end
/// of the pipe that is its standard error.
struct Daemon {
  pid_t pid = -1;
  Fd log;
};

/// Starts `words`, the first of which is the program's path, and waits until `ready` is in its log;
/// or until that has ended, because the port was taken: then there is none.
inline Daemon start_daemon(std::vector<std::string> words, std::string_view ready) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  Fd log(LinuxKernel::shared(), ends[0]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  pid_t pid = -1;
  const int failed =
      ::posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed != 0) return {};

  std::string said;
  for (char byte = 0; ::read(log.get(), &byte, 1) == 1;) {
    said += byte;
    if (said.ends_with(ready)) return {.pid = pid, .log = std::move(log)};
  }
  ::waitpid(pid, nullptr, 0);
  return {};
}

}  // namespace tocsin
