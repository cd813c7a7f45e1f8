// SPDX-License-Identifier: MIT
//
// The examples `run_child` and `init`, started as programs.
#include <signal.h>
#include <unistd.h>

#include <string>

#include <gtest/gtest.h>

#include "serve_testing.hpp"

namespace tocsin {
namespace {

Said run_example(const std::string& name, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), TOCSIN_BIN_DIR "/examples/" + name);
  return Program(std::move(arguments)).end();
}

TEST(RunChildExample, SaysWhatCameWhereAndHowItEnded) {
  const Said said = run_example("run_child", {"sh", "-c", "echo one; echo two >&2; exit 3"});
  EXPECT_EQ(said.status, 0);
  EXPECT_NE(said.out.find("out: one\n"), std::string::npos) << said.out;
  EXPECT_NE(said.out.find("err: two\n"), std::string::npos) << said.out;
  EXPECT_TRUE(said.out.ends_with("exit 3\n")) << said.out;
  EXPECT_EQ(run_example("run_child", {"sh", "-c", "kill -9 $$"}).out, "signal 9\n");
}

TEST(RunChildExample, ReadsWhatIsMoreThanAPipeHolds) {
  const Said said = run_example("run_child", {"seq", "-f", "%01000.0f", "1000"});
  EXPECT_TRUE(said.out.ends_with("1000\nexit 0\n"));
  EXPECT_EQ(said.out.size(), 1000 * std::size_t{1006} + 7);
}

// A line that is there already needs no waiting, so that a task awaits, in a loop, one that ends at
// once: that takes no stack.
TEST(RunChildExample, ReadsManyLinesAtOnce) {
  const Said said = run_example("run_child", {"seq", "100000"});
  EXPECT_TRUE(said.out.ends_with("out: 100000\nexit 0\n"));
}

TEST(RunChildExample, AProgramThatIsNotThereIsNamed) {
  const Said said = run_example("run_child", {"/no/such/program"});
  EXPECT_EQ(said.status, 1);
  EXPECT_EQ(said.err, "run_child: /no/such/program: No such file or directory\n");
  EXPECT_EQ(run_example("run_child", {}).status, 2);
}

// Its child goes with it: what both write to comes to its end.
TEST(RunChildExample, ASignalEndsItAndItsChild) {
  Program program(
      {TOCSIN_BIN_DIR "/examples/run_child", "sh", "-c", "echo $$; exec tail -f /dev/null"});
  const std::string line = program.line();
  ASSERT_TRUE(line.starts_with("out: ")) << line;
  const pid_t child = std::stoi(line.substr(5));
  EXPECT_EQ(::kill(child, 0), 0);
  program.signal(SIGTERM);
  EXPECT_EQ(program.end().status, 0);
  EXPECT_EQ(::kill(child, 0), -1);
}

// It leaves a process behind, which stops until its parent is gone, and goes on until that was
// waited for.
constexpr const char* leaves_one_behind =
    R"(pid=$(sh -c 'sh -c "kill -STOP \$\$; exit 7" >/dev/null & echo $!')
       while kill -CONT $pid 2>/dev/null; do :; done
       exit 3)";

bool was_told_of_both(const std::string& out) {
  return out.starts_with("orphan ") && out.find(": exit 7\nprogram ") != out.npos &&
         out.ends_with(": exit 3\n");
}

TEST(InitExample, WaitsForWhatTheProgramLeavesBehind) {
  const Said said = run_example("init", {"sh", "-c", leaves_one_behind});
  EXPECT_EQ(said.status, 3);
  EXPECT_TRUE(was_told_of_both(said.out)) << said.out;
}

/// The same as PID 1 of a namespace of its own.
class InitAsPid1 : public testing::Test {
 protected:
  void SetUp() override {
    const Said said = run_in_namespace({"true"});
    if (said.status != 0) GTEST_SKIP() << "needs CAP_SYS_ADMIN: " << said.err;
  }
  static Said run_in_namespace(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"unshare", "--pid", "--fork"});
    return Program(std::move(arguments)).end();
  }
  static Said run_init(const char* script) {
    return run_in_namespace({TOCSIN_BIN_DIR "/examples/init", "sh", "-c", script});
  }
};

TEST_F(InitAsPid1, WaitsForWhatTheProgramLeavesBehind) {
  const Said said = run_init(leaves_one_behind);
  EXPECT_EQ(said.status, 3);
  EXPECT_TRUE(was_told_of_both(said.out)) << said.out;
}

// PID 1 is spared the signals it does nothing about (pid_namespaces(7)): these it has asked for.
TEST_F(InitAsPid1, EndsWhenItIsToldTo) {
  const Said said = run_init("kill -TERM 1; exec tail -f /dev/null");
  EXPECT_EQ(said.status, 0);
  EXPECT_EQ(said.out, "");
}

}  // namespace
}  // namespace tocsin
