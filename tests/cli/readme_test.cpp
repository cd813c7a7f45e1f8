// SPDX-License-Identifier: MIT
//
// What README.md shows of the program is what the program prints.
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/cli/serve_testing.hpp"

namespace tocsin {
namespace {

struct Shown {
  std::string command;
  std::string output;
};

// The commands of README.md that are the program's own, each with the lines below it.
std::vector<Shown> shown_sessions() {
  std::ifstream readme(TOCSIN_SOURCE_DIR "/README.md");
  std::vector<Shown> sessions;
  bool below = false;
  for (std::string line; std::getline(readme, line);) {
    if (line.starts_with("$ tocsin ")) sessions.push_back({line.substr(2), {}});
    if (line.empty() || line.starts_with("$ ") || line.starts_with("```")) {
      below = line.starts_with("$ tocsin ");
      continue;
    }
    if (below) sessions.back().output += line + "\n";
  }
  return sessions;
}

TEST(Readme, ShowsWhatTheProgramPrints) {
  const auto sessions = shown_sessions();
  EXPECT_GE(sessions.size(), 2u);
  for (const auto& [command, output] : sessions) {
    const Said said = Program({"sh", "-c", "PATH=" TOCSIN_BIN_DIR ":$PATH; " + command}).end();
    EXPECT_EQ(said.status, 0) << command << "\n" << said.err;
    EXPECT_EQ(said.out, output) << command;
  }
}

}  // namespace
}  // namespace tocsin
