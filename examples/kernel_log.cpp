// SPDX-License-Identifier: MIT
//
// kernel_log [all]: prints what the kernel logs from now on, or all that it still has and then
// that, until SIGTERM. Needs CAP_SYSLOG as a rule.
//
//     ./dev build && build/release/bin/examples/kernel_log all
#include <cstdio>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

Task<Result<>> print_log(Loop& loop, KernelLog::From from) {
  constexpr const char* severities[] = {"emergency", "alert",  "critical", "error",
                                        "warning",   "notice", "info",     "debug"};
  auto log = KernelLog::create(loop, from);
  if (!log) co_return std::unexpected(log.error());
  while (true) {
    const auto record = co_await log->next();
    if (!record) co_return std::unexpected(record.error());
    if (record->lost > 0)
      std::printf("(%llu records were overwritten)\n",
                  static_cast<unsigned long long>(record->lost));
    const double seconds = std::chrono::duration<double>(record->since_boot).count();
    std::printf("[%12.6f] %s: %s\n", seconds, severities[record->severity], record->text.c_str());
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char**) {
  const auto from = argc > 1 ? KernelLog::From::oldest : KernelLog::From::now;
  const auto done = run([&](Loop& loop) { return print_log(loop, from); });
  if (done) return 0;
  std::fprintf(stderr, "kernel_log: %s\n", done.error().message().data());
  return 1;
}
