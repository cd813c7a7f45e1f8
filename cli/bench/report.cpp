// SPDX-License-Identifier: MIT
#include "cli/bench/report.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace tocsin::bench {
namespace {

// Between thousands; `text` begins with the digits.
std::string with_commas(std::string text) {
  std::size_t place = std::min(text.find('.'), text.size());
  if (place <= 4) return text;
  while (place > 3) text.insert(place -= 3, 1, ',');
  return text;
}

std::string n_of(const Row& row) { return row.n ? counted(*row.n) : ""; }

// Everything there is to say beside the figures.
std::string words_of(const Row& row) {
  std::string words;
  for (const std::string* more : {&row.why_not, &row.remark, &row.unsure}) {
    if (more->empty()) continue;
    if (!words.empty()) words.append("; ");
    words.append(*more);
  }
  return words;
}

class TableReport final : public Report {
 public:
  explicit TableReport(std::FILE* out) : out_(out) {}

  void begin(const Heading& heading, std::span<const Row> expected) override {
    for (const std::string& fact : heading.facts) fmt::print(out_, "{}\n", fact);
    fmt::print(out_, "seed {}\n", heading.seed);
    for (const Row& row : expected) {
      name_ = std::max(name_, row.name.size());
      n_ = std::max(n_, n_of(row).size());
      unit_ = std::max(unit_, row.unit.size());
    }
  }

  void add(const Row& row) override {
    if (row.group != group_) {
      group_ = row.group;
      fmt::print(out_, "\n{}\n", group_);
      line("", "N", "MEDIAN", "95 % INTERVAL OF IT", "MEAN", "+-", "UNIT", "SAMPLES", "OPERATIONS",
           "");
    }
    if (!row.is_measured()) {
      line(row.name, n_of(row), "-", "", "", "", "", "", "", words_of(row));
    } else {
      line(row.name, n_of(row), figure(row.median),
           fmt::format("{} to {}", figure(row.interval.low), figure(row.interval.high)),
           figure(row.mean), figure(row.standard_deviation), row.unit,
           fmt::format("{}", row.samples), counted(row.operations), words_of(row));
    }
    std::fflush(out_);
  }

  void end(const std::string& how) override {
    if (!how.empty()) fmt::print(out_, "\n{}\n", how);
    std::fflush(out_);
  }

 private:
  void line(std::string_view name, std::string_view n, std::string_view median,
            std::string_view interval, std::string_view mean, std::string_view deviation,
            std::string_view unit, std::string_view samples, std::string_view operations,
            std::string_view words) {
    const std::string text = fmt::format(
        "  {:<{}}  {:>{}}  {:>9}  {:>22}  {:>9}  {:>9}  {:<{}}  {:>7}  {:>11}  {}", name, name_, n,
        n_, median, interval, mean, deviation, unit, unit_, samples, operations, words);
    fmt::print(out_, "{}\n", text.substr(0, text.find_last_not_of(' ') + 1));
  }

  std::FILE* out_;
  std::string group_;
  std::size_t name_ = 0;  // Widths.
  std::size_t n_ = 1;
  std::size_t unit_ = 4;
};

nlohmann::ordered_json to_json(const Row& row) {
  nlohmann::ordered_json one{{"group", row.group}, {"name", row.name}};
  if (row.n) one["n"] = *row.n;
  if (row.is_measured())
    one.update({{"unit", row.unit},
                {"median", row.median},
                {"low", row.interval.low},
                {"high", row.interval.high},
                {"mean", row.mean},
                {"standard_deviation", row.standard_deviation},
                {"min", row.min},
                {"samples", row.samples},
                {"operations", row.operations}});
  if (row.most) one["target"] = *row.most;
  if (!row.remark.empty()) one["remark"] = row.remark;
  if (!row.why_not.empty()) one["why_not"] = row.why_not;
  if (!row.unsure.empty()) one["unsure"] = row.unsure;
  return one;
}

class JsonReport final : public Report {
 public:
  explicit JsonReport(std::FILE* out) : out_(out) {}

  void begin(const Heading& heading, std::span<const Row>) override {
    whole_ = {{"benchmark", heading.name},
              {"version", TOCSIN_VERSION},
              {"seed", heading.seed},
              {"machine", heading.facts}};
  }
  void add(const Row& row) override { rows_.push_back(to_json(row)); }
  void end(const std::string& how) override {
    if (!how.empty()) whole_["incomplete"] = how;
    whole_["rows"] = rows_;
    fmt::print(out_, "{}\n", whole_.dump(2));
    std::fflush(out_);
  }

 private:
  std::FILE* out_;
  nlohmann::ordered_json whole_;
  nlohmann::ordered_json rows_ = nlohmann::ordered_json::array();
};

// As RFC 4180 quotes it.
std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return std::string(text);
  std::string all(1, '"');
  for (const char one : text) all.append(one == '"' ? 2 : 1, one);
  all.push_back('"');
  return all;
}

class CsvReport final : public Report {
 public:
  explicit CsvReport(std::FILE* out) : out_(out) {}

  void begin(const Heading&, std::span<const Row>) override {
    fmt::print(out_,
               "group,name,n,unit,median,low,high,mean,standard_deviation,min,samples,operations,"
               "remark,why_not,unsure\n");
    std::fflush(out_);
  }
  void add(const Row& row) override {
    const std::string what = fmt::format("{},{},{},{}", csv_field(row.group), csv_field(row.name),
                                         row.n ? std::to_string(*row.n) : "", csv_field(row.unit));
    const std::string figures =
        row.is_measured() ? fmt::format("{},{},{},{},{},{},{},{}", row.median, row.interval.low,
                                        row.interval.high, row.mean, row.standard_deviation,
                                        row.min, row.samples, row.operations)
                          : ",,,,,,0,0";
    fmt::print(out_, "{},{},{},{},{}\n", what, figures, csv_field(row.remark),
               csv_field(row.why_not), csv_field(row.unsure));
    std::fflush(out_);
  }
  void end(const std::string&) override {}

 private:
  std::FILE* out_;
};

}  // namespace

std::unique_ptr<Report> make_report(Format format, std::FILE* out) {
  if (format == Format::json) return std::make_unique<JsonReport>(out);
  if (format == Format::csv) return std::make_unique<CsvReport>(out);
  return std::make_unique<TableReport>(out);
}

std::string figure(double value) {
  if (value == 0) return "0";
  const int digits = static_cast<int>(std::floor(std::log10(std::abs(value)))) + 1;
  return with_commas(fmt::format("{:.{}f}", value, std::clamp(4 - digits, 0, 9)));
}

std::string counted(std::uint64_t number) { return with_commas(std::to_string(number)); }

}  // namespace tocsin::bench
