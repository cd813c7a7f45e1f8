// SPDX-License-Identifier: MIT
//
// `tocsin bench loop`, started as its users start it, with so little to do that it takes moments.
// What is measured here is whether every row is there and was taken, never how fast anything was.
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/serve_testing.hpp"

namespace tocsin {
namespace {

using nlohmann::json;

std::vector<std::string> tiny(std::vector<std::string> more) {
  std::vector<std::string> all{"bench", "loop", "--time", "0.01", "--samples", "3"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

json rows_of(std::vector<std::string> more) {
  more.emplace_back("--json");
  const Said said = run_tocsin(tiny(std::move(more)));
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_EQ(said.err, "");
  return said.status == 0 ? json::parse(said.out)["rows"] : json::array();
}

const json* find(const json& rows, const std::string& name) {
  const auto found =
      std::ranges::find_if(rows, [&](const json& row) { return row["name"] == name; });
  return found == rows.end() ? nullptr : &*found;
}

TEST(BenchLoopProgram, EveryRowIsMeasured) {
  const json rows = rows_of({});
  for (const char* name : {"arm and disarm, n armed",
                           "re-arm one of n",
                           "expire, n at a time",
                           "1,000,000 re-arms a second of n",
                           "work, from the loop's own thread",
                           "function, from the loop's own thread",
                           "function, from another thread",
                           "median",
                           "p99",
                           "spawn and finish",
                           "await a task that ends at once",
                           "hand over through a channel and back",
                           "cancel a waiting read, and its task ends",
                           "TCP throughput",
                           "TCP median",
                           "UNIX throughput",
                           "UNIX p99",
                           "p99 with it / p99 alone",
                           "one listener",
                           "reuse_port, 4 workers",
                           "exclusive, 4 workers",
                           "hand_over, 4 workers",
                           "an event, with its close and reuse"}) {
    const json* const row = find(rows, name);
    ASSERT_NE(row, nullptr) << name;
    ASSERT_TRUE(row->contains("median")) << *row;
    EXPECT_GT((*row)["operations"], 0) << *row;
    EXPECT_GT((*row)["median"], 0) << *row;
  }
}

TEST(BenchLoopProgram, RowsAreChosenByPartsOfTheirNames) {
  const json rows = rows_of({"spawn", "stale"});
  EXPECT_EQ(rows.size(), 4u) << rows;
  EXPECT_NE(find(rows, "spawn and finish"), nullptr);
  EXPECT_EQ(run_tocsin(tiny({"spawn", "no such row"})).status, 2) << "none is left out in silence";
}

TEST(BenchLoopProgram, NoEventReachesSomebodyElse) {
  const json rows = rows_of({"stale"});
  const json* const wrong = find(rows, "events that reached somebody else");
  ASSERT_NE(wrong, nullptr);
  EXPECT_EQ((*wrong)["mean"], 0);
  const json* const dropped = find(rows, "events that were stale, and dropped");
  ASSERT_NE(dropped, nullptr);
  // All of a batch but the first, twice: in the batch, and of the duplicates.
  EXPECT_NEAR((*dropped)["mean"].get<double>(), 100.0 * 510 / 512, 0.2);
  EXPECT_EQ((*wrong)["target"], 0);
  EXPECT_NE((*wrong)["remark"].get<std::string>().find("target: at most 0: pass"),
            std::string::npos)
      << *wrong;
}

TEST(BenchLoopProgram, ThePlotHasABarForEachRow) {
  if (::access("/usr/bin/gnuplot", X_OK) != 0) GTEST_SKIP() << "needs gnuplot (gnuplot-nox)";
  const Site folder;
  const std::string file = (folder.base() / "bars.svg").string();
  const Said said = run_tocsin(tiny({"tasks", "stale", "--plot", file}));
  ASSERT_EQ(said.status, 0) << said.err;
  EXPECT_EQ(said.err, "") << "also of a row in which everything is zero";
  std::stringstream svg;
  svg << std::ifstream(file).rdbuf();
  const std::string text = svg.str();
  for (const char* name : {"spawn and finish", "cancel a waiting read, and its task ends (n = 100)",
                           "events that reached somebody else (n = 256)"})
    EXPECT_NE(text.find(name), std::string::npos) << name;
}

TEST(BenchLoopProgram, ATargetHasItsVerdict) {
  for (const json& row : rows_of({"tasks", "fairness"})) {
    if (!row.contains("target")) continue;
    const auto remark = row["remark"].get<std::string>();
    EXPECT_TRUE(remark.find(": pass") != remark.npos || remark.find(": MISS") != remark.npos ||
                remark.find(": open") != remark.npos)
        << row;
  }
}

TEST(BenchLoopProgram, WithTooFewDescriptorsARowSaysWhy) {
  std::vector<std::string> command{"prlimit", "--nofile=300:300", TOCSIN_BIN_DIR "/tocsin"};
  const std::vector<std::string> rest = tiny({"fairness", "spawn", "--json"});
  command.insert(command.end(), rest.begin(), rest.end());
  const Said said = Program(std::move(command)).end();
  ASSERT_EQ(said.status, 0) << said.err;
  const json rows = json::parse(said.out)["rows"];
  const json* const refused = find(rows, "p99 with it / p99 alone");
  ASSERT_NE(refused, nullptr);
  EXPECT_FALSE(refused->contains("median"));
  EXPECT_NE((*refused)["why_not"].get<std::string>().find("EMFILE"), std::string::npos) << *refused;
  EXPECT_TRUE(find(rows, "spawn and finish")->contains("median"));
}

}  // namespace
}  // namespace tocsin
