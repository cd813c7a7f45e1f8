// SPDX-License-Identifier: MIT
//
// in_child: a part of a test that runs in a forked process.
//
//     test ──fork(2)──> child: namespaces, credentials, mounts of its own ──> what it says
//
// For whatever would change the program that runs the tests. The child makes loops of its own; what
// it expects in vain is printed as always.
//
// Thread rule: one thread, the only one there is.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exception>
#include <string>

#include <gtest/gtest.h>

namespace tocsin {

/// Runs `child` in a forked process. It gives a reason to skip the test, or nothing. Answers the
/// reason; empty if the child ran to its end. Expects that it failed no expectation.
template <class Child>
std::string in_child(Child child) {
  int answer[2];
  EXPECT_EQ(::pipe2(answer, O_CLOEXEC), 0);
  const pid_t id = ::fork();
  if (id == 0) {
    std::string reason;
    try {
      reason = child();
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();  // It must not leave: the parent's objects are not its own.
    }
    const bool told = ::write(answer[1], reason.data(), reason.size()) >= 0;
    ::_exit(told && !testing::Test::HasFailure() ? 0 : 1);
  }
  ::close(answer[1]);
  std::string reason;
  char byte = 0;
  while (::read(answer[0], &byte, 1) == 1) reason += byte;
  ::close(answer[0]);
  int status = -1;
  EXPECT_EQ(::waitpid(id, &status, 0), id);
  EXPECT_EQ(status, 0) << "the child says above what it missed";
  return reason;
}

}  // namespace tocsin
