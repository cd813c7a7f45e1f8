// SPDX-License-Identifier: MIT
//
// Method: a folder in a temporary directory, with a secret beside it; every way out that a path can
// name must be refused by the kernel, with the errno that openat2(2) says.
#include "tocsin/file/directory.hpp"

#include <array>

#include <gtest/gtest.h>

#include "tocsin/kern/folder_testing.hpp"

namespace tocsin {
namespace {

class DirectoryTest : public testing::Test {
 protected:
  DirectoryTest() {
    base_.make_folder("root");
    base_.make_folder("root/inner");
    base_.write("secret", "secret");
    base_.write("root/file", "content");
    base_.make_link("../secret", "root/link_out");
    base_.make_link("file", "root/link_in");
    base_.make_link("..", "root/folder_out");
    base_.make_fifo("root/fifo");
  }

  Directory root() {
    auto opened = Directory::open(kernel_, base_.at("root").c_str());
    EXPECT_TRUE(opened.has_value());
    return std::move(*opened);
  }

  Kernel& kernel_ = kernel_under_test();
  Folder base_;
};

TEST_F(DirectoryTest, ReadsAFileBelowIt) {
  const Directory directory = root();
  const auto file = directory.open_below("file");
  ASSERT_TRUE(file.has_value());
  const auto facts = directory.facts_of(*file);
  ASSERT_TRUE(facts.has_value());
  EXPECT_TRUE(facts->is_regular);
  EXPECT_EQ(facts->size, 7u);
  EXPECT_GT(facts->modified_seconds, 1'600'000'000);
  std::array<std::byte, 16> room;
  EXPECT_EQ(directory.read(*file, room), 7u);
  EXPECT_EQ(as_text(std::span(room).first(7)), "content");
}

TEST_F(DirectoryTest, KnowsFoldersAndFifosForWhatTheyAre) {
  const Directory directory = root();
  for (const char* path : {".", "inner", "inner/"}) {
    const auto folder = directory.open_below(path);
    ASSERT_TRUE(folder.has_value()) << path;
    EXPECT_TRUE(directory.facts_of(*folder)->is_directory) << path;
  }
  const auto fifo = directory.open_below("fifo");  // Does not wait for a writer.
  ASSERT_TRUE(fifo.has_value());
  EXPECT_FALSE(directory.facts_of(*fifo)->is_regular);
}

TEST_F(DirectoryTest, IsLeftByNoPath) {
  const Directory directory = root();
  const std::string absolute = base_.at("secret");
  const struct {
    const char* path;
    int error;
  } cases[] = {
      {"../secret", EXDEV},
      {"inner/../../secret", EXDEV},
      {absolute.c_str(), EXDEV},
      {"/etc/passwd", EXDEV},
      {"link_out", ELOOP},
      {"link_in", ELOOP},
      {"folder_out/secret", ELOOP},
      {"absent", ENOENT},
      {"file/", ENOTDIR},
      {"file/x", ENOTDIR},
      {"", ENOENT},
  };
  for (const auto& c : cases) {
    const auto opened = directory.open_below(c.path);
    ASSERT_FALSE(opened.has_value()) << c.path;
    EXPECT_EQ(opened.error().name(), Errno{c.error}.name()) << c.path;
  }
}

TEST_F(DirectoryTest, CannotBeWhatIsNoFolder) {
  EXPECT_EQ(Directory::open(kernel_, base_.at("secret").c_str()).error(), Errno{ENOTDIR});
  EXPECT_EQ(Directory::open(kernel_, base_.at("absent").c_str()).error(), Errno{ENOENT});
}

}  // namespace
}  // namespace tocsin
