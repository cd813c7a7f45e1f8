// SPDX-License-Identifier: MIT
//
// run and Report, with benchmarks whose samples are made up: what is told of them is known exactly.
#include "cli/bench/run.hpp"

#include <cstdlib>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "cli/bench/plot.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin::bench {
namespace {

// One row, whose samples are `values`, one after the other, again and again.
Planned made_up(std::string name, std::vector<double> values) {
  Planned planned;
  planned.rows = {{.group = "made up", .name = std::move(name), .n = 7, .unit = "us"}};
  planned.begin = [values = std::move(values)](const Pace&) -> Outcome<Sampler> {
    return [values, next = std::size_t{0}]() mutable -> Outcome<Measured> {
      return Measured{{values[next++ % values.size()]}, 10};
    };
  };
  return planned;
}

Planned impossible(std::string why_not) {
  Planned planned = made_up("impossible", {});
  planned.begin = [why_not = std::move(why_not)](const Pace&) -> Outcome<Sampler> {
    return std::unexpected(why_not);
  };
  return planned;
}

// What a report wrote.
class Text {
 public:
  Text() : file_(::open_memstream(&text_, &size_)) {}
  ~Text() {
    std::fclose(file_);
    std::free(text_);
  }
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;

  std::FILE* file() { return file_; }
  std::string all() {
    std::fflush(file_);
    return {text_, size_};
  }

 private:
  char* text_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* file_;
};

struct Run : testing::Test {
  std::vector<Row> rows_of(std::size_t samples) {
    options.pace.samples = samples;
    Progress progress(stderr, plan.size(), Duration{1});
    const auto report = make_report(Format::csv, text.file());
    return run(plan, options, *report, progress, interruption);
  }

  Plan plan;
  RunOptions options;
  Text text;
  Interruption interruption{LinuxKernel::shared()};
};

TEST_F(Run, TheFirstSampleIsThrownAwayAndTheOthersAreSummarized) {
  plan.push_back(made_up("steady", {1000, 10, 11, 12, 13, 14}));
  const std::vector<Row> rows = rows_of(5);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].samples, 5u);
  EXPECT_EQ(rows[0].operations, 50u);
  EXPECT_DOUBLE_EQ(rows[0].mean, 12);
  EXPECT_DOUBLE_EQ(rows[0].median, 12);
  EXPECT_DOUBLE_EQ(rows[0].min, 10);
  EXPECT_NEAR(rows[0].standard_deviation, 1.5811, 1e-4);
  EXPECT_EQ(rows[0].unsure, "");
  EXPECT_TRUE(text.all().starts_with("made up,steady,7,us,12,")) << text.all();
}

TEST_F(Run, SamplesThatLieFarApartAreSaidToBeUnsure) {
  plan.push_back(made_up("noisy", {1, 1, 1, 1, 1, 1, 3}));
  EXPECT_TRUE(rows_of(6)[0].unsure.starts_with("spread 61 %")) << rows_of(6)[0].unsure;
}

TEST_F(Run, WhatIsImpossibleSaysWhyAndTheNextGoesOn) {
  plan.push_back(impossible("no, \"never\""));
  plan.push_back(made_up("possible", {5}));
  const std::vector<Row> rows = rows_of(5);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_FALSE(rows[0].is_measured());
  EXPECT_EQ(rows[0].why_not, "no, \"never\"");
  EXPECT_TRUE(rows[1].is_measured());
  EXPECT_NE(text.all().find(",\"no, \"\"never\"\"\","), std::string::npos) << text.all();
}

TEST_F(Run, AfterTheDeadlineNothingIsBegun) {
  plan.push_back(made_up("late", {5}));
  options.deadline = now();
  const std::vector<Row> rows = rows_of(5);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_NE(rows[0].why_not, "");
  EXPECT_FALSE(rows[0].is_measured());
}

TEST_F(Run, AnInterruptionEndsItWithWhatItHas) {
  int samples = 0;
  Planned planned = made_up("interrupted", {});
  planned.begin = [&samples](const Pace&) -> Outcome<Sampler> {
    return [&samples]() -> Outcome<Measured> {
      if (++samples == 4) ::raise(SIGTERM);  // It is blocked.
      return Measured{{1.0}, 1};
    };
  };
  plan.push_back(std::move(planned));
  plan.push_back(made_up("never begun", {5}));
  const std::vector<Row> rows = rows_of(1000);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].samples, 3u);
  EXPECT_EQ(interruption.signal(), SIGTERM);
}

TEST(Figure, HasFourDigitsAndNoExponent) {
  EXPECT_EQ(figure(0), "0");
  EXPECT_EQ(figure(0.073123), "0.07312");
  EXPECT_EQ(figure(1.0), "1.000");
  EXPECT_EQ(figure(43.456), "43.46");
  EXPECT_EQ(figure(1234.5678), "1235");
  EXPECT_EQ(figure(1234567.8), "1,234,568");
  EXPECT_EQ(counted(12345678), "12,345,678");
}

TEST(Plot, OneNIsBarsAndSeveralAreLinesOfTheSameTypeEverywhere) {
  const auto row = [](std::string group, std::string name, std::uint64_t n) {
    return Row{.group = std::move(group),
               .name = std::move(name),
               .n = n,
               .unit = "us",
               .samples = 5,
               .mean = 2,
               .standard_deviation = 3,
               .min = 1};
  };
  const std::vector<Row> rows{row("a", "poll", 1), row("a", "epoll", 1), row("a", "epoll", 2),
                              row("it's b", "epoll", 1)};
  const std::string script = script_of(rows, "x.svg");
  EXPECT_NE(script.find("yerrorlines linetype 2 title 'epoll'"), std::string::npos) << script;
  EXPECT_NE(script.find("set title 'it''s b'"), std::string::npos) << script;
  EXPECT_NE(script.find("boxxyerror"), std::string::npos) << script;
  EXPECT_NE(script.find("1 2 1 5\n"), std::string::npos) << "no bar below the least\n" << script;
}

}  // namespace
}  // namespace tocsin::bench
