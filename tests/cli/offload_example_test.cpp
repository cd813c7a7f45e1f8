// SPDX-License-Identifier: MIT
//
// The example `offload`, started as a program.
#include <gtest/gtest.h>

#include "serve_testing.hpp"

namespace tocsin {
namespace {

TEST(OffloadExample, LooksUpWhatItIsGivenWhileTheLoopGoesOn) {
  const Said said =
      Program({TOCSIN_BIN_DIR "/examples/offload", "127.0.0.1", "::1", "not a name"}).end();
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_NE(said.out.find("127.0.0.1: found\n"), std::string::npos) << said.out;
  EXPECT_NE(said.out.find("::1: found\n"), std::string::npos) << said.out;
  EXPECT_NE(said.out.find("not a name: Name or service not known\n"), std::string::npos)
      << said.out;
  EXPECT_TRUE(said.err.ends_with(" ms\n")) << said.err;
}

}  // namespace
}  // namespace tocsin
