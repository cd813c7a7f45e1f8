// SPDX-License-Identifier: MIT
//
// load: an echo load generator. Opens the connections, divides them among the workers, waits, adds
// up, prints one line of JSON. Everything else is in worker.hpp.
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <thread>

#include "bench/load/connections.hpp"
#include "bench/load/options.hpp"
#include "bench/load/worker.hpp"

namespace load {
namespace {

constexpr std::size_t default_threads = 2;

/// The CPU time of another process, all its threads, in seconds; 0 if nobody asked.
double cpu_seconds_of(const std::optional<int>& pid) {
  if (!pid) return 0;
  clockid_t clock{};
  timespec used{};
  // What /proc/PID/stat counts in ticks of 10 ms, clock_getcpuclockid(3) has in nanoseconds.
  if (clock_getcpuclockid(*pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
    fail_with("the CPU time of --server-pid cannot be read");
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

void sleep_until(std::uint64_t time) {
  const timespec until{.tv_sec = static_cast<time_t>(time / 1'000'000'000),
                       .tv_nsec = static_cast<long>(time % 1'000'000'000)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0) {
  }
}

using Workers = std::vector<std::unique_ptr<Worker>>;

Workers divide(const std::vector<int>& fds, const Options& options) {
  const std::size_t wanted = options.cpus.empty() ? default_threads : options.cpus.size();
  const std::size_t threads = std::min(wanted, fds.size());
  Workers workers;
  for (std::size_t i = 0; i < threads; ++i) {
    const std::size_t from = fds.size() * i / threads;
    const std::size_t to = fds.size() * (i + 1) / threads;
    const std::vector<int> share(fds.begin() + static_cast<std::ptrdiff_t>(from),
                                 fds.begin() + static_cast<std::ptrdiff_t>(to));
    workers.push_back(
        std::make_unique<Worker>(share, options.size, static_cast<std::uint32_t>(from)));
  }
  return workers;
}

int cpu_of(const Options& options, std::size_t worker) {
  return options.cpus.empty() ? -1 : options.cpus[worker];
}

struct Measured {
  double seconds = 0;
  double server_cpu = 0;  // Of one core: 1.0 is saturated.
};

// An open loop is divided evenly: every worker has about as many connections.
void begin(Worker& worker, const Options& options, Plan plan, std::size_t index,
           std::size_t workers) {
  if (options.rate > 0)
    worker.run_on_schedule(plan, options.rate / static_cast<double>(workers),
                           cpu_of(options, index));
  else
    worker.run_until(plan, cpu_of(options, index));
}

Measured run_for_seconds(const Options& options, Workers& workers) {
  const std::uint64_t start = now();
  Plan plan;
  plan.count_from = start + static_cast<std::uint64_t>(options.warm_up * 1e9);
  plan.end = plan.count_from + static_cast<std::uint64_t>(options.seconds * 1e9);
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < workers.size(); ++i)
    threads.emplace_back([&, i] { begin(*workers[i], options, plan, i, workers.size()); });
  sleep_until(plan.count_from);
  const double before = cpu_seconds_of(options.server_pid);
  sleep_until(plan.end);
  const double used = cpu_seconds_of(options.server_pid) - before;
  return {.seconds = options.seconds, .server_cpu = used / options.seconds};
}

Measured run_for_requests(const Options& options, Workers& workers) {
  const std::uint64_t start = now();
  const double before = cpu_seconds_of(options.server_pid);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < workers.size(); ++i) {
      const std::uint64_t share =
          options.requests / workers.size() + (i < options.requests % workers.size() ? 1 : 0);
      threads.emplace_back([&, i, share] { workers[i]->run_requests(share, cpu_of(options, i)); });
    }
  }
  const double seconds = static_cast<double>(now() - start) * 1e-9;
  return {.seconds = seconds,
          .server_cpu = (cpu_seconds_of(options.server_pid) - before) / seconds};
}

void print(const Options& options, const Workers& workers, const Measured& measured) {
  auto all = std::make_unique<Histogram>();
  double load_cpu = 0;
  std::uint64_t unanswered = 0;
  for (const auto& worker : workers) {
    unanswered += worker->unanswered();
    all->add(worker->latencies());
    load_cpu += worker->cpu_seconds();
  }
  // The workers' CPU time includes their warm-up.
  const double worked = measured.seconds + (options.requests == 0 ? options.warm_up : 0);
  const auto us = [&](double share) { return static_cast<double>(all->percentile(share)) / 1e3; };
  std::printf(
      "{\"connections\": %zu, \"idle\": %zu, \"size\": %zu, \"requests\": %llu, "
      "\"seconds\": %.6f, \"requests_per_second\": %.1f, \"latency_us\": {\"p50\": %.1f, "
      "\"p90\": %.1f, \"p99\": %.1f, \"p99.9\": %.1f, \"max\": %.1f}, "
      "\"server_cpu\": %.3f, \"load_cpu\": %.3f, \"load_threads\": %zu, \"rate\": %.1f, "
      "\"unanswered\": %llu}\n",
      options.connections, options.idle, options.size,
      static_cast<unsigned long long>(all->total()), measured.seconds,
      static_cast<double>(all->total()) / measured.seconds, us(0.5), us(0.9), us(0.99), us(0.999),
      static_cast<double>(all->max()) / 1e3, measured.server_cpu, load_cpu / worked, workers.size(),
      options.rate, static_cast<unsigned long long>(unanswered));
}

int hold_until_stdin_ends() {
  std::puts("held");
  std::fflush(stdout);
  char ignored[64];
  while (read(STDIN_FILENO, ignored, sizeof ignored) > 0) {
  }
  return 0;
}

int run(const Options& options) {
  raise_file_limit();
  const std::vector<int> idle = open_connections(options.server, options.idle);
  echo_once(idle, options.size);
  if (options.hold) return hold_until_stdin_ends();

  const std::vector<int> busy = open_connections(options.server, options.connections);
  Workers workers = divide(busy, options);
  const Measured measured =
      options.requests > 0 ? run_for_requests(options, workers) : run_for_seconds(options, workers);
  print(options, workers, measured);
  return 0;  // The end of the program closes all connections.
}

}  // namespace
}  // namespace load

int main(int argc, char** argv) { return load::run(load::parse_options(argc, argv)); }
