// SPDX-License-Identifier: MIT
#include "cli/bench/machine.hpp"

#include <stdlib.h>
#include <sys/utsname.h>

#include <fstream>

#include <fmt/core.h>

namespace tocsin::bench {
namespace {

// The first value of `key` in /proc/cpuinfo (proc(5)); empty where it is called otherwise.
std::string of_cpuinfo(std::string_view key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with(key) && colon != line.npos) return line.substr(colon + 2);
  }
  return {};
}

}  // namespace

DescriptorLimit::DescriptorLimit() {
  if (::getrlimit(RLIMIT_NOFILE, &before_) != 0) return;
  now_ = before_.rlim_cur;
  const rlimit raised{.rlim_cur = before_.rlim_max, .rlim_max = before_.rlim_max};
  if (now_ < raised.rlim_cur && ::setrlimit(RLIMIT_NOFILE, &raised) == 0) now_ = raised.rlim_cur;
}

DescriptorLimit::~DescriptorLimit() {
  if (now_ != before_.rlim_cur) ::setrlimit(RLIMIT_NOFILE, &before_);
}

std::string DescriptorLimit::remark() const {
  if (now_ == before_.rlim_cur) return {};
  return fmt::format("raised the soft limit of descriptors from {} to {} for this run",
                     before_.rlim_cur, now_);
}

std::vector<int> usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    for (int cpu = CPU_SETSIZE - 1; cpu >= 0; --cpu)
      if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

bool pin_this_thread(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return ::sched_setaffinity(0, sizeof set, &set) == 0;
}

PinnedThread::PinnedThread(int cpu) {
  CPU_ZERO(&before_);
  if (::sched_getaffinity(0, sizeof before_, &before_) == 0) is_pinned_ = pin_this_thread(cpu);
}

PinnedThread::~PinnedThread() {
  if (is_pinned_) ::sched_setaffinity(0, sizeof before_, &before_);
}

std::vector<std::string> facts_of_machine() {
  std::vector<std::string> facts;
  utsname system{};
  const std::string processor = of_cpuinfo("model name");
  const std::size_t cpus = usable_cpus().size();
  if (::uname(&system) == 0)
    facts.push_back(fmt::format("{} {}, {} cores{}{}", system.sysname, system.release, cpus,
                                processor.empty() ? "" : ", ", processor));
  double load = 0;
  if (::getloadavg(&load, 1) == 1 && load > 0.25 * static_cast<double>(cpus))
    facts.push_back(fmt::format(
        "load average {:.1f} on {} cores before this run: the machine does other things", load,
        cpus));
  return facts;
}

}  // namespace tocsin::bench
