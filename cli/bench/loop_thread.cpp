// SPDX-License-Identifier: MIT
#include "cli/bench/loop_thread.hpp"

#include <utility>

#include <fmt/core.h>

#include "cli/bench/machine.hpp"

namespace tocsin::bench {

Outcome<std::unique_ptr<Loop>> make_loop(const LoopOptions& options) {
  auto loop = Loop::create(LinuxKernel::shared(), options);
  if (!loop) return std::unexpected(why_not("a loop", loop.error()));
  return std::move(*loop);
}

Outcome<std::unique_ptr<LoopThread>> LoopThread::create(const LoopOptions& options) {
  auto loop = make_loop(options);
  if (!loop) return std::unexpected(loop.error());
  return std::unique_ptr<LoopThread>(new LoopThread(std::move(*loop)));
}

void LoopThread::start(int cpu, Begin begin) {
  thread_ = std::jthread([this, cpu, begin = std::move(begin)]() mutable {
    static_cast<void>(pin_this_thread(cpu));
    Scope scope(*loop_);
    begin(*loop_, scope);
    // It fails only if the kernel does not let it wait; whoever waits for it will say so.
    static_cast<void>(loop_->run());
  });
}

void LoopThread::stop() {
  if (!thread_.joinable()) return;
  loop_->stop();
  thread_.join();
}

int cpu_for(const Settings& settings, std::size_t index) {
  return settings.cpus[index % settings.cpus.size()];
}

std::string remark_on_cores(const Settings& settings, std::size_t threads) {
  if (settings.cpus.size() >= threads) return {};
  return fmt::format("{} threads share {} cores", threads, settings.cpus.size());
}

std::string run_until_empty(Loop& loop, Scope& scope, Duration patience, Waiting waiting) {
  constexpr Duration glance = std::chrono::milliseconds{50};
  const Duration longest = waiting == Waiting::spinning ? Duration::zero() : glance;
  const TimePoint end = now() + patience;
  while (scope.size() > 0) {
    if (now() > end)
      return fmt::format("{} lines were still waiting for an answer after {} s", scope.size(),
                         patience / std::chrono::seconds{1});
    if (const auto done = loop.run_once(longest); !done) return why_not("a turn", done.error());
  }
  return {};
}

}  // namespace tocsin::bench
