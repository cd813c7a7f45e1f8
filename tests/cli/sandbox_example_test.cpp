// SPDX-License-Identifier: MIT
//
// The example `sandbox`, started as a program around others.
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "serve_testing.hpp"

namespace tocsin {
namespace {

TEST(SandboxExample, WhatTheProgramReadsIsToldAndWhatItWritesGoesNowhere) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("tocsin-sandbox-" + std::to_string(::getpid()));
  const Said said = Program({TOCSIN_BIN_DIR "/examples/sandbox", "sh", "-c",
                             "echo hello > " + path + " && cat /dev/null && echo written"})
                        .end();
  if (said.err.starts_with("sandbox: ")) GTEST_SKIP() << "not here: " << said.err;
  EXPECT_EQ(said.status, 0);
  EXPECT_EQ(said.out, "written\n");
  EXPECT_NE(said.err.find("instead of " + path + "\n"), said.err.npos) << said.err;
  EXPECT_NE(said.err.find("reads /dev/null\n"), said.err.npos) << said.err;
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(SandboxExample, WithoutAProgramItSaysHowToUseIt) {
  const Said said = Program({TOCSIN_BIN_DIR "/examples/sandbox"}).end();
  EXPECT_EQ(said.status, 2);
  EXPECT_EQ(said.err, "usage: sandbox PROGRAM [ARGUMENTS]\n");
}

}  // namespace
}  // namespace tocsin
