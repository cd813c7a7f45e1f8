// SPDX-License-Identifier: MIT
//
// Posting on Asio: asio::post, and a work guard so that the context waits for more.
#include <asio.hpp>

#include "bench/post/flood.hpp"

int main() {
  asio::io_context context;  // No hint of one thread: two use it.
  const auto guard = asio::make_work_guard(context);
  return flood::measure_post(
      [&](flood::Tally& tally, std::uint64_t number) {
        asio::post(context, [&tally, number] { tally.add(number); });
      },
      [&](flood::Tally& tally) {
        while (!tally.complete()) context.run_one();
      });
}
