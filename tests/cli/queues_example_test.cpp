// SPDX-License-Identifier: MIT
//
// The example `queues`, started as a program.
#include <sys/wait.h>

#include <cstdio>
#include <string>

#include <gtest/gtest.h>

namespace tocsin {
namespace {

TEST(QueuesExample, ReceivesAllThatBothThreadsSent) {
  FILE* const output = ::popen(TOCSIN_BIN_DIR "/examples/queues 2>&1", "r");
  ASSERT_NE(output, nullptr);
  std::string said;
  for (int byte = std::fgetc(output); byte != EOF; byte = std::fgetc(output))
    said += static_cast<char>(byte);
  const int status = ::pclose(output);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(said, "5000050000\nOranges and lemons \n");
}

}  // namespace
}  // namespace tocsin
