// SPDX-License-Identifier: MIT
//
// Posting on Tocsin: Waker::post.
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "bench/post/flood.hpp"
#include "tocsin/loop/loop.hpp"

int main() {
  auto created = tocsin::Loop::create();
  if (!created) {
    std::fprintf(stderr, "the loop cannot be made\n");
    return 1;
  }
  tocsin::Loop& loop = **created;
  return flood::measure_post(
      [&](flood::Tally& tally, std::uint64_t number) {
        loop.waker().post([&tally, number] { tally.add(number); });
      },
      [&](flood::Tally& tally) {
        while (!tally.complete())
          if (!loop.run_once(std::nullopt)) std::abort();
      });
}
