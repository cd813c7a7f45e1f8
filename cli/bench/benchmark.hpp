// SPDX-License-Identifier: MIT
//
// Benchmark: what is measured, in the form in which run.hpp takes it.
//
//     a list of benchmarks ──> [ Plan ] ──> run ──> rows
//
// A benchmark is a function that answers a Plan: the rows it will have, and for each a function
// that makes what is measured and hands out a Sampler. Adding one is a file in this folder and a
// line in the list it belongs to. Most are written with a Block:
//
//     Plan plan_posts(const Settings& settings) {
//       Plan plan;
//       plan.push_back({.rows = {{.group = "loop", .name = "post", .n = {}, .unit = "ns"}},
//                       .begin = [](const Pace& pace) -> Outcome<Sampler> {
//                         auto posts = std::make_unique<Posts>();  // Or unexpected("why not").
//                         return [posts = std::move(posts), block = Block(pace)]() mutable {
//                           return block.measure([&](std::uint64_t count) { posts->run(count); });
//                         };
//                       }});
//       return plan;
//     }
//
// Ownership: whatever a Sampler needs, it owns; it is destroyed before the next one begins.
// Thread rule: the main thread, pinned to a core. A benchmark that needs others starts them, pins
// them (machine.hpp) and joins them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <expected>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "cli/bench/row.hpp"
#include "tocsin/base/errno.hpp"
#include "tocsin/base/time.hpp"
#include "tocsin/kern/kernel.hpp"

namespace tocsin::bench {

/// A value, or one line that says why it cannot be had here.
template <class T>
using Outcome = std::expected<T, std::string>;

/// "eventfd: Too many open files (EMFILE); `ulimit -n` says how many", where there is such advice.
std::string why_not(std::string_view what, Errno error);

/// What may be relied upon, and how it was asked.
struct Settings {
  Kernel& kernel;              // The running Linux.
  bool quick = false;          // All of it within a minute: leave out what takes seconds to make.
  std::uint64_t seed = 1;      // Of every random choice.
  std::vector<int> cpus;       // That may be used; the main thread is on the first.
  std::uint64_t most_fds = 0;  // RLIMIT_NOFILE, raised as far as it goes.
};

/// How long a benchmark is to measure.
struct Pace {
  Duration sample;          // What a sample should take.
  std::size_t samples = 0;  // At most so many are taken, after one that is thrown away.
};

/// One sample: a value for each of the rows.
struct Measured {
  std::vector<double> values;
  std::uint64_t operations = 0;  // That it is made of.
  std::string remark = {};       // For all of the rows; the last one stays.
  std::string doubt = {};        // Why they are not to be relied upon; the last one stays.
};

/// Takes one sample. The first one is thrown away: caches are cold, and a Block finds its size.
using Sampler = std::move_only_function<Outcome<Measured>()>;

/// Rows that are measured together: usually one.
struct Planned {
  std::vector<Row> rows;  // group, name, n, unit.
  std::move_only_function<Outcome<Sampler>(const Pace&)> begin;
};
using Plan = std::vector<Planned>;

/// CLOCK_MONOTONIC of the machine, whatever is measured (the clock of a vkern may stand still).
TimePoint now();

/// Which time a value is made of.
enum class Clock : std::uint8_t {
  elapsed,  // What passes on the wall.
  worked,   // What this thread uses of its core, for itself and in the kernel: what others do on a
            // busy machine is left out, and so is waiting (CLOCK_THREAD_CPUTIME_ID).
};

/// "us" or "us CPU".
std::string unit_of(std::string_view unit, Clock clock);

/// What either clock shows, from a start of its own.
Duration reading_of(Clock clock);

/// As many operations as take about as long as a sample should.
class Block {
 public:
  /// Never more than `most` operations a sample.
  explicit Block(const Pace& pace, std::uint64_t most = std::numeric_limits<std::uint64_t>::max(),
                 Clock clock = Clock::elapsed)
      : pace_(pace), most_(most), clock_(clock) {}

  /// Has `run(count)` do `count` operations and answers the nanoseconds of one, times `scale`. A
  /// `run` that cannot do just so many answers how many it has done.
  template <class Run>
  Measured measure(Run run, double scale = 1) {
    if (count_ == 0) calibrate(run);
    const Duration begin = reading_of(clock_);
    const std::uint64_t done = do_some(run, count_);
    const auto time = static_cast<double>((reading_of(clock_) - begin).count());
    return {{time * scale / static_cast<double>(done)}, done};
  }

 private:
  template <class Run>
  static std::uint64_t do_some(Run& run, std::uint64_t count) {
    if constexpr (std::is_void_v<std::invoke_result_t<Run&, std::uint64_t>>) {
      run(count);
      return count;
    } else {
      return std::max<std::uint64_t>(run(count), 1);  // None: it has failed, and will say so.
    }
  }

  // Doubles until it takes long enough to tell how many are enough.
  template <class Run>
  void calibrate(Run& run) {
    const auto wanted = static_cast<double>(pace_.sample.count());
    do_some(run, 1);  // What happens once is not what is counted.
    for (std::uint64_t count = 1;; count = std::min(2 * count, most_)) {
      const TimePoint begin = now();
      const auto done = static_cast<double>(do_some(run, count));
      const auto took = std::max(static_cast<double>((now() - begin).count()), 1.0);
      if (took < wanted / 8 && count < most_) continue;
      const double fitting = std::max(done * wanted / took, 1.0);
      count_ = fitting < static_cast<double>(most_) ? static_cast<std::uint64_t>(fitting) : most_;
      return;
    }
  }

  Pace pace_;
  std::uint64_t most_;
  Clock clock_;
  std::uint64_t count_ = 0;  // 0: not known yet.
};

}  // namespace tocsin::bench
