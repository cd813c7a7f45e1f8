// SPDX-License-Identifier: MIT
//
// `tocsin watch`, started as its users start it.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/cli/watch_testing.hpp"
#include "tocsin/source/message_queue.hpp"

namespace tocsin {
namespace {

TEST(WatchProgram, CountsTheTicksOfATimerAndEndsAfterSoMany) {
  const Said said = run_tocsin({"watch", "timer:20ms", "--count", "3"});
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_TRUE(is_first_tick(said.out.substr(0, said.out.find('\n')), "timer:20ms")) << said.out;
  EXPECT_EQ(std::ranges::count(said.out, '\n'), 3) << said.out;
}

TEST(WatchProgram, TellsASignalAndWhoSentIt) {
  Program program = watch({"signal:HUP", "timer:50ms"});
  EXPECT_TRUE(is_first_tick(program.line()));
  program.signal(SIGHUP);
  EXPECT_EQ(next_of(program, "signal:"),
            "signal:HUP signal signal=HUP pid=" + std::to_string(::getpid()) +
                " uid=" + std::to_string(::getuid()) + " value=0");
  program.signal(SIGTERM);
  EXPECT_EQ(program.end().status, 0);
}

TEST(WatchProgram, TellsAConnectionAndWhatItSends) {
  const std::string path = "/tmp/tocsin-watch-" + std::to_string(::getpid()) + ".sock";
  Program program = watch({"unix:" + path, "timer:50ms", "--json"});
  EXPECT_TRUE(program.line().starts_with(R"({"what":"timer:50ms","event":"tick","time":)"));
  const Said sent = Program({"sh", "-c", "printf 'one\\ntwo' | nc -N -U " + path}).end();
  EXPECT_EQ(sent.status, 0) << sent.err;
  std::string events;
  while (!events.ends_with("closed ")) {
    const std::string line = program.line();
    ASSERT_NE(line, "");
    if (!line.starts_with(R"({"what":"unix:)")) continue;
    const std::size_t begin = line.find(R"("event":")") + 9;
    events += line.substr(begin, line.find('"', begin) - begin) + " ";
    if (events.ends_with("data ")) {
      EXPECT_NE(line.find(R"("text":"one\ntwo")"), std::string::npos) << line;
    }
  }
  EXPECT_EQ(events, "connected data closed ");
  program.signal(SIGTERM);
  EXPECT_EQ(program.end().status, 0);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(WatchProgram, TellsWhatBecomesOfTheFilesBelowAFolder) {
  const Site site;
  const std::string root = site.root().string();
  Program program = watch({"timer:50ms", "file:" + root, "--recursive"});
  EXPECT_TRUE(is_first_tick(program.line()));
  std::filesystem::rename(site.root() / "folder/index.html", site.root() / "folder/a b");
  EXPECT_EQ(next_of(program, "file:"), "file:" + root + " renamed path=\"" + root +
                                           "/folder/a b\" from=" + root + "/folder/index.html");
  program.signal(SIGTERM);
  EXPECT_EQ(program.end().status, 0);
}

TEST(WatchProgram, TellsWhatIsWrittenToAFifo) {
  const Site site;
  const std::string path = (site.base() / "fifo").string();
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  Program program = watch({"timer:50ms", "fifo:" + path});
  EXPECT_TRUE(is_first_tick(program.line()));
  for (const char* const text : {"one", "two"}) {  // It survives its writers.
    std::ofstream(path) << text;
    EXPECT_EQ(next_of(program, "fifo:"), "fifo:" + path + " data text=" + text);
  }
  program.signal(SIGTERM);
  EXPECT_EQ(program.end().status, 0);
}

TEST(WatchProgram, TellsTheEndOfAProcess) {
  Program other({"cat", "/dev/zero"});
  Program program = watch({"timer:50ms", "pid:" + std::to_string(other.pid())});
  EXPECT_TRUE(is_first_tick(program.line()));
  other.signal(SIGKILL);
  EXPECT_EQ(next_of(program, "pid:"), "pid:" + std::to_string(other.pid()) + " ended");
  program.signal(SIGTERM);
  EXPECT_EQ(program.end().status, 0);
}

TEST(WatchProgram, TellsKeysOfWhateverTheInputIs) {
  const Said said =
      Program({"sh", "-c", "printf 'a\\033[A' | " TOCSIN_BIN_DIR "/tocsin watch key"}).end();
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_EQ(said.out, "key key key=a\nkey key key=up\n");
}

TEST(WatchProgram, RunsACommandForEachEventWithTheEventInItsEnvironment) {
  const Said said = run_tocsin({"watch", "timer:10ms", "--count", "2", "--exec",
                                "echo \"$TOCSIN_WHAT $TOCSIN_EVENT $TOCSIN_COUNT\"; exit 1"});
  EXPECT_EQ(said.status, 0) << said.err;
  // On a busy machine the first event is not the first tick; both lines are of the same event.
  constexpr std::string_view told = "timer:10ms tick count=";
  ASSERT_TRUE(said.out.starts_with(told)) << said.out;
  const std::string count =
      said.out.substr(told.size(), said.out.find(' ', told.size()) - told.size());
  EXPECT_NE(said.out.find("\ntimer:10ms tick " + count + "\n"), std::string::npos) << said.out;
  EXPECT_EQ(std::ranges::count(said.out, '\n'), 4) << said.out;
}

TEST(WatchProgram, ATimeoutBeforeTheCountIsAStatusOfItsOwn) {
  EXPECT_EQ(run_tocsin({"watch", "timer:1h", "--once", "--timeout", "0.05"}).status, 3);
  EXPECT_EQ(run_tocsin({"watch", "timer:1h", "--timeout", "0.05"}).status, 0);
}

TEST(WatchProgram, EndsWellWhenNobodyReadsAnyMore) {
  const Said said = Program({"bash", "-c",
                             TOCSIN_BIN_DIR "/tocsin watch timer:20ms | head -n 1; "
                                            "echo ${PIPESTATUS[0]}"})
                        .end();
  EXPECT_TRUE(is_first_tick(said.out.substr(0, said.out.find('\n')), "timer:20ms")) << said.out;
  EXPECT_TRUE(said.out.ends_with("\n0\n")) << said.out;
  EXPECT_EQ(std::ranges::count(said.out, '\n'), 2) << said.out;
  EXPECT_EQ(said.err, "");
}

TEST(WatchProgram, EndsAsSoonAsNobodyReadsThoughNothingHappens) {
  const Said said =
      Program({"bash", "-c", TOCSIN_BIN_DIR "/tocsin watch timer:1h | true; echo ${PIPESTATUS[0]}"})
          .end();
  EXPECT_EQ(said.out, "0\n");
  EXPECT_EQ(said.err, "");
}

TEST(WatchProgram, AnOutputThatIsFullIsAFailure) {
  const Said said =
      Program({"sh", "-c", "exec " TOCSIN_BIN_DIR "/tocsin watch timer:10ms > /dev/full"}).end();
  EXPECT_EQ(said.status, 1);
  EXPECT_EQ(said.err, "tocsin: the output cannot be written: No space left on device\n");
}

TEST(WatchProgram, SaysInOneLineWhatCannotBeWatchedAndWhatCan) {
  const auto complaint = [](const char* what) {
    const Said said = run_tocsin({"watch", "timer:1h", what});
    EXPECT_EQ(said.status, 2) << what;
    return said.err;
  };
  EXPECT_EQ(complaint("moon:full"),
            "tocsin: moon:full: there is nothing called moon to watch; see: tocsin watch --help\n");
  EXPECT_EQ(complaint("timer:soon"),
            "tocsin: timer:soon: give a period: timer:5s, timer:100ms, timer:1.5h\n");
  EXPECT_EQ(complaint("signal:KILL"),
            "tocsin: signal:KILL: KILL and STOP cannot be waited for (signal(7)); take another\n");
  EXPECT_EQ(complaint("mq:jobs"),
            "tocsin: mq:jobs: " + explain_queue_error("jobs", Errno::invalid) + "\n");
  EXPECT_EQ(complaint("pid:0"), "tocsin: pid:0: give the number of a process: pid:1234\n");
  EXPECT_EQ(complaint("psi:memory"),
            "tocsin: psi:memory: give a resource (cpu, memory, io), some or full, a stall and a "
            "window: psi:memory:some:100ms:2s\n");
  EXPECT_EQ(complaint("tcp:nowhere"),
            "tocsin: tcp:nowhere: give an address: tcp:127.0.0.1:9000, tcp::9000\n");
}

}  // namespace
}  // namespace tocsin
