// SPDX-License-Identifier: MIT
//
// The example `watch_tree`, as its users meet it: started on a folder in which things happen.
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/cli/serve_testing.hpp"

namespace tocsin {
namespace {

namespace fs = std::filesystem;

class WatchTreeExample : public testing::Test {
 protected:
  WatchTreeExample() {
    std::string name = (fs::temp_directory_path() / "tocsin-watch-tree-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~WatchTreeExample() override { fs::remove_all(folder_); }

  std::string at(const std::string& name) const { return (folder_ / name).string(); }
  static std::vector<std::string> watch_tree(const std::string& path) {
    return {TOCSIN_BIN_DIR "/examples/watch_tree", path};
  }

 private:
  fs::path folder_;
};

TEST_F(WatchTreeExample, TellsWhatHappensUntilItIsTold) {
  fs::create_directory(at("a"));
  Program program(watch_tree(at("")));
  EXPECT_EQ(program.line(), "watching " + at("") + ", by inotify");
  std::ofstream(at("a/new")) << "text";
  EXPECT_EQ(program.line(), "created " + at("a/new"));
  EXPECT_EQ(program.line(), "modified " + at("a/new"));
  EXPECT_EQ(program.line(), "closed " + at("a/new"));
  fs::rename(at("a"), at("b"));
  EXPECT_EQ(program.line(), "renamed " + at("a") + " -> " + at("b") + "/");
  fs::remove(at("b/new"));
  EXPECT_EQ(program.line(), "removed " + at("b/new"));
  program.signal(SIGTERM);
  EXPECT_EQ(program.end().status, 0);
}

TEST_F(WatchTreeExample, SaysWhatCannotBeWatched) {
  const Said said = Program(watch_tree(at("no/such"))).end();
  EXPECT_EQ(said.status, 1);
  EXPECT_NE(said.err.find("No such file or directory"), std::string::npos) << said.err;
}

}  // namespace
}  // namespace tocsin
