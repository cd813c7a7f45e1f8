// SPDX-License-Identifier: MIT
//
// The example `page_faults`, started as a program on a real file.
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/cli/serve_testing.hpp"
#include "tocsin/base/errno.hpp"

namespace tocsin {
namespace {

TEST(PageFaultsExample, CountsWhatWasReadWhenItWasTouched) {
  std::string path = (std::filesystem::temp_directory_path() / "tocsin-pages-XXXXXX").string();
  const int fd = ::mkstemp(path.data());
  ASSERT_GE(fd, 0);
  ::close(fd);
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "line " + std::to_string(i) + "\n";
  std::ofstream(path, std::ios::binary) << text << "and one without an end";

  const Said said = Program({TOCSIN_BIN_DIR "/examples/page_faults", path}).end();
  std::filesystem::remove(path);
  const std::string none(Errno{ENOSYS}.message());
  if (said.err.ends_with(none + "\n")) GTEST_SKIP() << "no userfaultfd: " << none;
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_EQ(said.out, "50000 lines\n");
}

TEST(PageFaultsExample, AFileThatIsNotThereIsNamed) {
  const Said said = Program({TOCSIN_BIN_DIR "/examples/page_faults", "/nowhere/at/all"}).end();
  EXPECT_EQ(said.status, 1);
  EXPECT_EQ(said.err, "page_faults: /nowhere/at/all: No such file or directory\n");
}

}  // namespace
}  // namespace tocsin
