// SPDX-License-Identifier: MIT
//
// What is measured of posting, the same for every library: one thread hands jobs to the loop of
// another, as fast as it can, and every job is run there.
//
//     post_LIBRARY.cpp: how to post, how to run --> [ measure_post ] --> one line of JSON
//
// Two figures: what a post costs the thread that posts ("ns"), which is what holds up a worker, and
// the time from the first post to the end of the last job, for each ("ns_run"), which is the
// throughput. A job is what a user would post: a callable with a pointer and a number in it. A
// burst is 100,000 posts; the loop has slept before each. The figure is the median of the bursts.
//
// Thread rule: `post` is called on the poster's thread, everything else on the main thread.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <thread>

#include "bench/post/cores.hpp"

namespace flood {

constexpr std::size_t posts = 100'000;
constexpr std::size_t bursts = 31;

/// What the jobs add up, so that none of them can be left out unnoticed.
struct Tally {
  std::uint64_t jobs = 0;
  std::uint64_t sum = 0;

  void add(std::uint64_t number) {
    ++jobs;
    sum += number;
  }
  bool complete() const { return jobs == posts; }
};

/// `post(tally, number)`: from the poster's thread, have the loop call `tally.add(number)`.
/// `run(tally)`: on this thread, run the loop until `tally.complete()`.
/// Returns 1, with a line on stderr, if a job was lost or run twice.
template <class Post, class Run>
int measure_post(Post post, Run run) {
  using Clock = std::chrono::steady_clock;
  using Ns = std::chrono::duration<double, std::nano>;
  std::array<double, bursts> to_post, to_run;
  const bench::Cores cores;
  cores.take_last();
  for (std::size_t burst = 0; burst < bursts; ++burst) {
    Tally tally;
    Clock::time_point begin, posted;
    std::jthread poster([&] {
      cores.take_first();
      begin = Clock::now();
      for (std::uint64_t i = 0; i < posts; ++i) post(tally, i);
      posted = Clock::now();
    });
    run(tally);
    const auto end = Clock::now();
    poster.join();
    if (tally.jobs != posts || tally.sum != posts * (posts - 1) / 2) {
      std::fprintf(stderr, "jobs were lost or run twice\n");
      return 1;
    }
    to_post[burst] = Ns(posted - begin).count() / static_cast<double>(posts);
    to_run[burst] = Ns(end - begin).count() / static_cast<double>(posts);
  }
  std::ranges::sort(to_post);
  std::ranges::sort(to_run);
  std::printf("{\"ns\": %.1f, \"ns_run\": %.1f}\n", to_post[bursts / 2], to_run[bursts / 2]);
  return 0;
}

}  // namespace flood
