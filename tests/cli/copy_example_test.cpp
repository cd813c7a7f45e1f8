// SPDX-License-Identifier: MIT
//
// The example `copy`, as its users meet it: started as a program on real files.
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

namespace tocsin {
namespace {

namespace fs = std::filesystem;

class CopyExample : public testing::Test {
 protected:
  CopyExample() {
    std::string name = (fs::temp_directory_path() / "tocsin-copy-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~CopyExample() override { fs::remove_all(folder_); }

  std::string path(const char* name) const { return (folder_ / name).string(); }

  /// Its exit status; what it printed, to both outputs, goes to `said`.
  int copy(const std::string& arguments) {
    const std::string command = TOCSIN_BIN_DIR "/examples/copy " + arguments + " 2>&1";
    FILE* const output = ::popen(command.c_str(), "r");
    if (output == nullptr) return -1;
    said.clear();
    for (int byte = std::fgetc(output); byte != EOF; byte = std::fgetc(output))
      said += static_cast<char>(byte);
    const int status = ::pclose(output);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  static std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string said;

 private:
  fs::path folder_;
};

TEST_F(CopyExample, TheCopyIsTheOriginalByteForByte) {
  std::string original(1'000'003, '\0');  // Of no round length, and many buffers long.
  for (std::size_t i = 0; i < original.size(); ++i)
    original[i] = static_cast<char>(i * 31 + i / 251);
  std::ofstream(path("from"), std::ios::binary) << original;
  std::ofstream(path("to")) << "what was there before";

  EXPECT_EQ(copy(path("from") + " " + path("to")), 0) << said;
  EXPECT_TRUE(said.starts_with("1000003 bytes, by ")) << said;
  EXPECT_TRUE(contents(path("to")) == original);
}

TEST_F(CopyExample, AnEmptyFileStaysEmpty) {
  std::ofstream(path("from"));
  EXPECT_EQ(copy(path("from") + " " + path("to")), 0) << said;
  EXPECT_TRUE(fs::exists(path("to")));
  EXPECT_EQ(fs::file_size(path("to")), 0u);
}

TEST_F(CopyExample, AFileThatIsNotThereIsNamed) {
  EXPECT_EQ(copy(path("from") + " " + path("to")), 1);
  EXPECT_EQ(said, "copy: " + path("from") + " to " + path("to") + ": No such file or directory\n");
  EXPECT_FALSE(fs::exists(path("to")));
}

TEST_F(CopyExample, AFullDiskIsAnError) {
  std::ofstream(path("from")) << "something";
  EXPECT_EQ(copy(path("from") + " /dev/full"), 1);
  EXPECT_NE(said.find("No space left on device"), std::string::npos) << said;
}

TEST_F(CopyExample, WithoutItsArgumentsItSaysHowToUseIt) {
  EXPECT_EQ(copy(""), 2);
  EXPECT_EQ(said, "usage: copy FROM TO\n");
}

}  // namespace
}  // namespace tocsin
