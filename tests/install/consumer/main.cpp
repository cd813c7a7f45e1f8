// SPDX-License-Identifier: MIT
//
// The consumer: a stranger's program. It waits on a loop of each kind, so that the library,
// liburing and the threads are linked, and shows that headers and library fit each other.
#include <cstdio>

#include <tocsin/loop/loop.hpp>
#include <tocsin/task/scope.hpp>
#include <tocsin/task/semaphore.hpp>
#include <tocsin/task/timeout.hpp>

namespace {

tocsin::Task<> wait_a_moment(tocsin::Loop& loop, bool& waited) {
  tocsin::Semaphore nobody_gives_back(0);
  const auto permit =
      co_await tocsin::timeout(std::chrono::milliseconds(1), nobody_gives_back.acquire());
  waited = !permit && permit.error() == tocsin::Errno::timed_out;
  loop.stop();
}

bool works(tocsin::Loop& loop) {
  bool waited = false;
  tocsin::Scope scope(loop);
  scope.spawn(wait_a_moment(loop, waited));
  return loop.run().has_value() && waited;
}

}  // namespace

int main() {
  tocsin::LinuxKernel kernel;
  for (const auto mechanism : {tocsin::Mechanism::epoll, tocsin::Mechanism::io_uring}) {
    auto loop = tocsin::Loop::create(kernel, {.mechanism = mechanism});
    if (!loop && mechanism == tocsin::Mechanism::io_uring)
      continue;  // Forbidden in many containers.
    if (!loop || !works(**loop)) {
      std::fputs("consumer: the loop does not work\n", stderr);
      return 1;
    }
  }
  std::puts("consumer: works");
  return 0;
}
