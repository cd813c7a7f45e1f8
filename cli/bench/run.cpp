// SPDX-License-Identifier: MIT
#include "cli/bench/run.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/core.h>

#include "tocsin/base/check.hpp"

namespace tocsin::bench {
namespace {

// Beyond this share of the mean, the standard deviation says more about the machine than the mean
// says about what was measured.
constexpr double most_spread = 0.25;
constexpr std::size_t fewest_samples = 5;

void summarize(Row& row, std::span<const double> values, std::uint64_t seed) {
  Sample sample;
  for (const double value : values) sample.add(value);
  row.samples = values.size();
  row.mean = sample.mean();
  row.standard_deviation = sample.standard_deviation();
  row.min = sample.min();
  row.median = median(values);
  row.interval = median_interval(values, seed);
  const double spread = row.standard_deviation / std::max(row.mean, 1e-12);
  if (spread > most_spread)
    row.unsure = fmt::format("spread {:.0f} %: a noisy machine", 100 * spread);
  else if (row.samples < fewest_samples)
    row.unsure = fmt::format("only {} samples", row.samples);
}

// Whether the target was reached, as far as can be told.
std::string verdict(const Row& row, bool is_doubtful) {
  const char* word = "open, as it lies within the interval";
  if (is_doubtful)
    word = "open";
  else if (row.interval.high <= *row.most)
    word = "pass";
  else if (row.interval.low > *row.most)
    word = "MISS";
  return fmt::format("target: at most {}: {}", *row.most, word);
}

// Short enough for a line of a terminal.
std::string title(const Row& row) {
  const std::string begin = row.group.substr(0, row.group.find_first_of(":,"));
  return row.n ? fmt::format("{}: {}, n = {}", begin, row.name, *row.n)
               : fmt::format("{}: {}", begin, row.name);
}

class Measurement {
 public:
  Measurement(Planned& planned, const RunOptions& options, Interruption& interruption)
      : planned_(planned),
        options_(options),
        interruption_(interruption),
        values_(planned.rows.size()) {}

  /// Its rows, complete.
  std::vector<Row> take() {
    const std::string complaint = sample_all();
    std::vector<Row> rows = planned_.rows;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].why_not = complaint;
      rows[i].remark = remark_;
      rows[i].operations = operations_;
      if (values_[i].empty()) continue;
      summarize(rows[i], values_[i], options_.seed);
      if (!doubt_.empty()) rows[i].unsure = doubt_;
      if (!rows[i].most) continue;
      if (!rows[i].remark.empty()) rows[i].remark += "; ";
      rows[i].remark += verdict(rows[i], !doubt_.empty());
    }
    return rows;
  }

 private:
  bool is_late() const { return options_.deadline && now() >= *options_.deadline; }

  // Fills values_; says why there are none, or no more.
  std::string sample_all() {
    if (is_late()) return "left out: the time for all was over";
    auto sampler = planned_.begin(options_.pace);
    if (!sampler) return sampler.error();
    // One more: the first is thrown away.
    for (std::size_t i = 0; i <= options_.pace.samples; ++i) {
      if (interruption_.came()) return values_[0].empty() ? "interrupted" : "";
      if (is_late()) return values_[0].empty() ? "left out: the time for all was over" : "";
      const auto measured = (*sampler)();
      if (!measured) return measured.error();
      if (i > 0) keep(*measured);
    }
    return {};
  }

  void keep(const Measured& measured) {
    CHECK(measured.values.size() == values_.size(), "a benchmark gives a value for each row");
    for (std::size_t i = 0; i < values_.size(); ++i) values_[i].push_back(measured.values[i]);
    operations_ += measured.operations;
    remark_ = measured.remark;
    doubt_ = measured.doubt;
  }

  Planned& planned_;
  const RunOptions& options_;
  Interruption& interruption_;
  std::vector<std::vector<double>> values_;  // Of each row.
  std::uint64_t operations_ = 0;
  std::string remark_;
  std::string doubt_;
};

}  // namespace

std::vector<Row> run(Plan& plan, const RunOptions& options, Report& report, Progress& progress,
                     Interruption& interruption) {
  std::vector<Row> told;
  for (Planned& planned : plan) {
    if (interruption.came()) break;
    progress.step(title(planned.rows.front()));
    const std::vector<Row> rows = Measurement(planned, options, interruption).take();
    progress.clear();
    for (const Row& row : rows) report.add(row);
    std::ranges::copy(rows, std::back_inserter(told));
  }
  return told;
}

}  // namespace tocsin::bench
