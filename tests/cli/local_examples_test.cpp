// SPDX-License-Identifier: MIT
//
// The examples of what processes and threads of one machine tell each other, started as programs.
#include <mqueue.h>

#include <string>

#include <gtest/gtest.h>

#include "serve_testing.hpp"

namespace tocsin {
namespace {

std::string example(const char* name) { return std::string(TOCSIN_BIN_DIR "/examples/") + name; }

TEST(EventCounterExample, CountsEveryEventOfTheThread) {
  const Said said = Program({example("event_counter"), "1000"}).end();
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_EQ(said.out, "1000 events\n");
}

TEST(MessageQueueExample, PrintsTheMostUrgentFirstAndSaysWhatIsWrongWithAName) {
  const std::string name = "/tocsin-example-" + std::to_string(::getpid());
  const auto send = [&](const char* priority, const char* text) {
    return Program({example("message_queue"), name, priority, text}).end();
  };
  const Said first = send("1", "tea");
  if (first.err.find("CONFIG_POSIX_MQUEUE") != first.err.npos) GTEST_SKIP() << first.err;
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_EQ(send("9", "fire").status, 0);
  Program receiver({example("message_queue"), name});
  EXPECT_EQ(receiver.line(), "9 fire");
  EXPECT_EQ(receiver.line(), "1 tea");
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.end().status, 0);
  EXPECT_EQ(::mq_unlink(name.c_str()), 0);

  const Said misnamed = Program({example("message_queue"), "jobs"}).end();
  EXPECT_EQ(misnamed.status, 1);
  EXPECT_NE(misnamed.err.find("begins with a slash"), std::string::npos) << misnamed.err;
}

TEST(FifoExample, OutlivesItsWritersAndTellsThemWhenNobodyReads) {
  const Site site;
  const std::string path = (site.base() / "events").string();
  Program reader({example("fifo"), path});
  EXPECT_EQ(reader.line(), "ready");
  for (const char* text : {"one", "two"}) {
    EXPECT_EQ(Program({example("fifo"), path, text}).end().status, 0);
    EXPECT_EQ(reader.line(), text);
  }
  reader.signal(SIGTERM);
  EXPECT_EQ(reader.end().status, 0);
  const Said alone = Program({example("fifo"), path, "three"}).end();
  EXPECT_EQ(alone.status, 1);
  EXPECT_NE(alone.err.find("nobody reads it"), std::string::npos) << alone.err;
}

TEST(UnixFdsExample, PrintsAFileThatSomebodyElseHasOpened) {
  const Site site;
  const std::string socket = (site.base() / "socket").string();
  Program receiver({example("unix_fds"), socket});
  EXPECT_EQ(receiver.line(), "ready");
  site.write("told.txt", "it tolls\n");
  const std::string file = (site.root() / "told.txt").string();
  const Said sender = Program({example("unix_fds"), socket, file}).end();
  EXPECT_EQ(sender.status, 0) << sender.err;
  const std::string line = receiver.line();
  EXPECT_TRUE(line.starts_with("pid ")) << line;
  EXPECT_TRUE(line.ends_with(" sent 9 bytes: it tolls")) << line;
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.end().status, 0);
  EXPECT_FALSE(std::filesystem::exists(socket)) << "its file goes with it";
}

}  // namespace
}  // namespace tocsin
