// SPDX-License-Identifier: MIT
//
// queues: two threads produce, one waits for both at once, and no descriptor is involved. As long
// as nobody has to sleep, no system call is either.
//
//     ./dev build && build/release/bin/examples/queues
#include <array>
#include <cstdio>
#include <string>
#include <thread>

#include "tocsin/vkern/queue.hpp"

using namespace tocsin;
using vkern::Threads;

namespace {

void produce(vkern::Queue<Threads, int>& queue) {
  for (int i = 1; i <= 100'000; ++i) static_cast<void>(queue.send(i));
  queue.finish();
}

void produce(vkern::Queue<Threads, std::string>& queue) {
  for (const char* word : {"Oranges", "and", "lemons"}) static_cast<void>(queue.send(word));
  queue.finish();
}

}  // namespace

int main() {
  vkern::System<Threads> system;
  vkern::Queue<Threads, int> numbers(system, 64);
  vkern::Queue<Threads, std::string> words(system, 2);
  vkern::EpollHandle<Threads> epoll(system);
  const std::array<const vkern::Handle<Threads>*, 2> queues = {&numbers, &words};
  for (std::size_t i = 0; i < queues.size(); ++i)
    if (!epoll.add(*queues[i], EPOLLIN, i)) return 1;

  std::jthread first([&] { produce(numbers); });
  std::jthread second([&] { produce(words); });
  long long sum = 0;
  std::string line;
  for (std::size_t open = queues.size(); open > 0;) {
    std::array<epoll_event, 2> events;
    const std::size_t count = epoll.wait(events).value_or(0);
    for (std::size_t i = 0; i < count; ++i) {
      const auto which = events[i].data.u64;
      if (which == 0)
        while (const auto number = numbers.try_receive()) sum += *number;
      else
        while (const auto word = words.try_receive()) line += *word + " ";
      if ((events[i].events & EPOLLHUP) == 0) continue;
      if (epoll.remove(*queues[which])) --open;  // Finished, and empty by now.
    }
  }
  std::printf("%lld\n%s\n", sum, line.c_str());
}
