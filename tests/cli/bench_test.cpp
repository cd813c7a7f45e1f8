// SPDX-License-Identifier: MIT
//
// `tocsin bench`, started as its users start it, with so little to do that it takes moments. What
// is measured here is whether everything is told, never how fast anything was.
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/serve_testing.hpp"
#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/source/seccomp_filter.hpp"

namespace tocsin {
namespace {

using nlohmann::json;

std::vector<std::string> with(std::vector<std::string> first, std::vector<std::string> more) {
  first.insert(first.end(), more.begin(), more.end());
  return first;
}

// A row takes a few milliseconds.
std::vector<std::string> tiny(std::vector<std::string> more) {
  return with({"bench", "multiplexers", "--method", "classic", "--time", "0.004", "--samples", "4"},
              std::move(more));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

const json* find(const json& rows, const std::string& name, std::uint64_t n) {
  const auto found = std::ranges::find_if(
      rows, [&](const json& row) { return row["name"] == name && row["n"] == n; });
  return found == rows.end() ? nullptr : &*found;
}

TEST(BenchProgram, JsonHasARowForEveryMechanismAndN) {
  const Said said = run_tocsin(tiny({"--n", "3,10", "--json", "--seed", "5"}));
  ASSERT_EQ(said.status, 0) << said.err;
  EXPECT_EQ(said.err, "") << "progress is for terminals";
  const json whole = json::parse(said.out);
  EXPECT_EQ(whole["benchmark"], "multiplexers");
  EXPECT_EQ(whole["seed"], 5);
  EXPECT_FALSE(whole["machine"].empty());
  EXPECT_FALSE(whole.contains("incomplete"));
  for (const std::uint64_t n : {3UL, 10UL})
    for (const char* name : {"write and read alone", "select", "poll", "epoll level", "epoll edge",
                             "vkern epoll", "vkern epoll threads"}) {
      const json* const row = find(whole["rows"], name, n);
      ASSERT_NE(row, nullptr) << name << "\n" << said.out;
      EXPECT_EQ((*row)["unit"], "s CPU");
      EXPECT_EQ((*row)["samples"], 4);
      EXPECT_GT((*row)["operations"], 0);
      EXPECT_GT((*row)["median"], 0);
      EXPECT_LE((*row)["low"], (*row)["median"]);
      EXPECT_GE((*row)["high"], (*row)["median"]);
      EXPECT_LE((*row)["min"], (*row)["mean"]);
    }
  for (const char* name : {"io_uring multishot", "io_uring epoll"}) {
    const json* const row = find(whole["rows"], name, 3);
    ASSERT_NE(row, nullptr);
    EXPECT_TRUE(row->contains("median") || row->contains("why_not")) << *row;
  }
}

TEST(BenchProgram, UdpEchoHasAGroupForEachShareOfActiveSockets) {
  const Said said =
      run_tocsin({"bench", "multiplexers", "--method", "udp", "--n", "5,40", "--requests", "400",
                  "--warm-ups", "20", "--time", "0.02", "--samples", "4", "--json"});
  ASSERT_EQ(said.status, 0) << said.err;
  const json whole = json::parse(said.out);
  for (const char* name : {"select", "poll", "epoll level", "epoll edge", "vkern epoll threads"})
    for (const std::uint64_t n : {5UL, 40UL}) {
      std::set<std::string> groups;
      for (const json& row : whole["rows"])
        if (row["name"] == name && row["n"] == n) {
          ASSERT_TRUE(row.contains("median")) << row;
          EXPECT_EQ(row["unit"], "us");
          EXPECT_GT(row["operations"], 0);
          EXPECT_NE(row["remark"].get<std::string>().find("% busy"), std::string::npos);
          groups.insert(row["group"]);
        }
      EXPECT_EQ(groups.size(), 2u) << name << " " << n;
    }
}

TEST(BenchProgram, AnOrdinaryUserMeasuresAsWell) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  std::vector<std::string> command{"setpriv", "--reuid=65534", "--clear-groups",
                                   "--bounding-set=-all", TOCSIN_BIN_DIR "/tocsin"};
  const Said said =
      Program(with(std::move(command), tiny({"--n", "10", "--mechanisms", "poll,epoll", "--json"})))
          .end();
  if (said.status == 127) GTEST_SKIP() << "nobody may not execute " TOCSIN_BIN_DIR;
  ASSERT_EQ(said.status, 0) << said.err;
  const json whole = json::parse(said.out);
  for (const json& row : whole["rows"]) EXPECT_TRUE(row.contains("median")) << row;
}

TEST(BenchProgram, CsvHasAsManyColumnsInEveryLine) {
  const Said said = run_tocsin(tiny({"--n", "2", "--mechanisms", "poll,epoll", "--csv"}));
  ASSERT_EQ(said.status, 0) << said.err;
  const std::vector<std::string> lines = lines_of(said.out);
  ASSERT_EQ(lines.size(), 5u) << said.out;  // The names, write and read alone, poll, two of epoll.
  EXPECT_EQ(lines[0],
            "group,name,n,unit,median,low,high,mean,standard_deviation,min,samples,operations,"
            "remark,why_not,unsure");
  EXPECT_NE(lines[2].find(",poll,2,s CPU,"), std::string::npos) << lines[2];
  for (const std::string& line : lines) {
    std::size_t commas = 0;
    bool is_quoted = false;
    for (const char one : line) {
      if (one == '"') is_quoted = !is_quoted;
      if (one == ',' && !is_quoted) ++commas;
    }
    EXPECT_EQ(commas, 14u) << line;
  }
}

TEST(BenchProgram, AScaledFigureSaysFromHowManyWaits) {
  const Said said =
      run_tocsin(tiny({"--n", "2", "--mechanisms", "poll", "--json", "--waits", "40"}));
  ASSERT_EQ(said.status, 0) << said.err;
  const json whole = json::parse(said.out);
  const json* const row = find(whole["rows"], "poll", 2);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ((*row)["operations"], 40);
  EXPECT_EQ((*row)["remark"], "scaled from 40 waits");
}

TEST(BenchProgram, WhatCannotBeDoneSaysWhyAndTheOthersGoOn) {
  std::vector<std::string> command{"prlimit", "--nofile=60:60", TOCSIN_BIN_DIR "/tocsin"};
  const Said said =
      Program(with(std::move(command),
                   tiny({"--n", "10,200", "--json", "--mechanisms", "poll,epoll,vkern"})))
          .end();
  ASSERT_EQ(said.status, 0) << said.err;
  const json whole = json::parse(said.out);
  const json& rows = whole["rows"];
  for (const char* name : {"poll", "epoll level"}) {
    const json* const refused = find(rows, name, 200);
    ASSERT_NE(refused, nullptr);
    EXPECT_FALSE(refused->contains("median"));
    const auto why_not = (*refused)["why_not"].get<std::string>();
    EXPECT_NE(why_not.find("EMFILE"), std::string::npos) << why_not;
    EXPECT_NE(why_not.find("RLIMIT_NOFILE"), std::string::npos) << why_not;
    EXPECT_TRUE(find(rows, name, 10)->contains("median"));
  }
  EXPECT_TRUE(find(rows, "vkern epoll", 200)->contains("median")) << "it has limits of its own";
}

TEST(BenchProgram, WhereIoUringIsForbiddenItsRowsSayByWhat) {
  Said said;
  bool is_forbidden = false;
  std::jthread([&] {  // A filter is for the thread that installs it, and for what it starts.
    SeccompFilter filter;
    filter.on({SYS_io_uring_setup}, SeccompAction::deny(Errno{EPERM}));
    is_forbidden = filter.install(LinuxKernel::shared()).has_value();
    if (is_forbidden)
      said = run_tocsin(tiny({"--n", "2", "--mechanisms", "io_uring,poll", "--json"}));
  })
      .join();
  if (!is_forbidden) GTEST_SKIP() << "a seccomp filter is forbidden here";
  ASSERT_EQ(said.status, 0) << said.err;
  const json whole = json::parse(said.out);
  EXPECT_TRUE(find(whole["rows"], "poll", 2)->contains("median")) << "the others go on";
  for (const char* name : {"io_uring multishot", "io_uring epoll"}) {
    const json* const row = find(whole["rows"], name, 2);
    ASSERT_NE(row, nullptr);
    const auto why_not = row->value("why_not", "");
    EXPECT_NE(why_not.find("(EPERM); forbidden by kernel.io_uring_disabled"), std::string::npos)
        << why_not;
  }
}

TEST(BenchProgram, TheSoftLimitOfDescriptorsIsRaisedAndThatIsSaid) {
  std::vector<std::string> command{"prlimit", "--nofile=60:200", TOCSIN_BIN_DIR "/tocsin"};
  const Said said =
      Program(with(std::move(command), tiny({"--n", "100", "--mechanisms", "poll"}))).end();
  ASSERT_EQ(said.status, 0) << said.out << said.err;
  EXPECT_NE(said.out.find("raised the soft limit of descriptors from 60 to 200 for this run\n"),
            std::string::npos)
      << said.out;
}

TEST(BenchProgram, WhenItIsInterruptedItTellsWhatItHas) {
  std::string many = "1";  // At a tenth of a second each, they would take a minute.
  for (int n = 2; n <= 300; ++n) many += "," + std::to_string(n);
  std::vector<std::string> command{
      TOCSIN_BIN_DIR "/tocsin", "bench", "multiplexers", "--method", "classic", "--n",       many,
      "--mechanisms",           "poll",  "--time",       "0.1",      "--waits", "1000000000"};
  Program program(std::move(command));
  std::string line;
  do {
    line = program.line();
    ASSERT_FALSE(line.empty() && program.pid() < 0);
  } while (line.find("write and read alone") == line.npos);
  program.signal(SIGINT);
  const Said said = program.end();
  EXPECT_EQ(said.status, 130) << said.err;
  EXPECT_TRUE(said.out.ends_with("\ninterrupted\n")) << said.out;
  EXPECT_LT(lines_of(said.out).size(), 500u) << "it went on to the end";
}

TEST(BenchProgram, InterruptedJsonIsWholeAndSaysSo) {
  std::vector<std::string> command{
      "timeout", "--preserve-status", "--signal=TERM", "0.3",       TOCSIN_BIN_DIR "/tocsin",
      "bench",   "multiplexers",      "--method",      "classic",   "--n",
      "5",       "--mechanisms",      "poll",          "--json",    "--time",
      "100",     "--waits",           "1000000000",    "--samples", "10000"};
  const Said said = Program(std::move(command)).end();
  EXPECT_EQ(said.status, 143) << said.err;
  const json whole = json::parse(said.out);
  EXPECT_EQ(whole["incomplete"], "interrupted");
  EXPECT_LE(whole["rows"].size(), 2u);
}

TEST(BenchProgram, ThePlotIsAnSvgWithALineForEachMechanism) {
  if (::access("/usr/bin/gnuplot", X_OK) != 0) GTEST_SKIP() << "needs gnuplot (gnuplot-nox)";
  const Site folder;
  const std::string file = (folder.base() / "it's a plot.svg").string();
  const Said said = run_tocsin(tiny({"--n", "2,20", "--mechanisms", "poll,epoll", "--plot", file}));
  ASSERT_EQ(said.status, 0) << said.err;
  EXPECT_EQ(said.err, "");
  std::stringstream svg;
  svg << std::ifstream(file).rdbuf();
  const std::string text = svg.str();
  EXPECT_NE(text.find("<svg"), std::string::npos);
  EXPECT_NE(text.find("</svg>"), std::string::npos);
  for (const char* name : {"classic table: 100,000 times", "epoll level", "epoll edge"})
    EXPECT_NE(text.find(name), std::string::npos) << name;
}

TEST(BenchProgram, WithoutGnuplotItSaysWhichPackageHasIt) {
  const Said said = Program(with({"env", "PATH=/nowhere", TOCSIN_BIN_DIR "/tocsin"},
                                 tiny({"--n", "2", "--plot", "/tmp/x.svg"})))
                        .end();
  EXPECT_EQ(said.status, 2);
  EXPECT_EQ(said.out, "") << "nothing is measured in vain";
  EXPECT_EQ(said.err, "tocsin: --plot needs gnuplot; on Debian: apt-get install gnuplot-nox\n");
}

TEST(BenchProgram, WrongArgumentsAreOneLineAndStatusTwo) {
  const Said unknown = run_tocsin(tiny({"--mechanisms", "kqueue"}));
  EXPECT_EQ(unknown.status, 2);
  EXPECT_NE(unknown.err.find("no mechanism begins with kqueue; there are select, poll, "),
            std::string::npos)
      << unknown.err;
  EXPECT_EQ(run_tocsin(tiny({"--n", "0"})).status, 2);
  EXPECT_EQ(run_tocsin(tiny({"--json", "--csv"})).status, 2);
  EXPECT_EQ(run_tocsin({"bench"}).status, 2);
  const Said nothing = run_tocsin(tiny({"--only", "no such row"}));
  EXPECT_EQ(nothing.status, 2);
  EXPECT_EQ(nothing.err,
            "tocsin: there is nothing of this kind to measure; see: tocsin bench --help\n");
}

TEST(BenchProgram, HelpSaysWhatTheFiguresMean) {
  const Said said = run_tocsin({"bench", "multiplexers", "--help"});
  EXPECT_EQ(said.status, 0);
  EXPECT_EQ(run_tocsin({"help", "bench", "multiplexers"}).out, said.out);
  EXPECT_EQ(run_tocsin({"help", "bench", "no such"}).status, 2);
  EXPECT_EQ(run_tocsin({"help"}).out, run_tocsin({"--help"}).out);
  for (const char* word : {"--waits", "MEDIAN", "bootstrap", "Bessel", "Ctrl-C"})
    EXPECT_NE(said.out.find(word), std::string::npos) << word << "\n" << said.out;
}

}  // namespace
}  // namespace tocsin
