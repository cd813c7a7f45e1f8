// SPDX-License-Identifier: MIT
#include "cli/bench/progress.hpp"

#include <unistd.h>

#include <string>

#include <fmt/core.h>

#include "cli/bench/benchmark.hpp"

namespace tocsin::bench {
namespace {

std::string in_words(Duration time) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(time).count();
  if (seconds < 60) return fmt::format("{} s", seconds);
  return fmt::format("{} min {} s", seconds / 60, seconds % 60);
}

}  // namespace

Progress::Progress(std::FILE* err, std::size_t total, Duration each)
    : err_(err),
      is_shown_(::isatty(::fileno(err)) != 0),
      total_(total),
      each_(each),
      begin_(now()) {}

void Progress::step(std::string_view what) {
  const std::size_t number = done_++;
  if (!is_shown_) return;
  const auto past = static_cast<Duration::rep>(number);
  if (number > 0) each_ = (now() - begin_) / past;
  const Duration left = each_ * static_cast<Duration::rep>(total_ - number);
  // CSI K takes away what is left of a longer line (console_codes(4)).
  fmt::print(err_, "\r[{}/{}] {}, {} left\x1b[K", number + 1, total_, what, in_words(left));
  std::fflush(err_);
}

void Progress::clear() {
  if (!is_shown_) return;
  fmt::print(err_, "\r\x1b[K");
  std::fflush(err_);
}

}  // namespace tocsin::bench
