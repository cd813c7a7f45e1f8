// SPDX-License-Identifier: MIT
#include "tocsin/http/file_cache.hpp"

#include <gtest/gtest.h>

#include "tocsin/task/executor_testing.hpp"

namespace tocsin::http {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<const ServedFile> file_of(std::size_t size) {
  auto file = std::make_shared<ServedFile>();
  file->content.assign(size, 'x');
  return file;
}

TEST(FileCache, KeepsWhatIsYoungerThanItsLife) {
  ManualExecutor executor;
  FileCache cache(executor, {.life = 10ms});
  cache.keep("/a", file_of(1));
  executor.advance(9ms);
  EXPECT_NE(cache.find("/a"), nullptr);
  EXPECT_EQ(cache.find("/b"), nullptr);
  executor.elapse(1ms);
  EXPECT_EQ(cache.find("/a"), nullptr);
  executor.run_until_idle();
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_FALSE(executor.has_alarms());
}

TEST(FileCache, ReplacesWhatItKnowsUnderAPath) {
  ManualExecutor executor;
  FileCache cache(executor);
  cache.keep("/a", file_of(1));
  cache.keep("/a", file_of(2));
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(cache.find("/a")->content.size(), 2u);
}

TEST(FileCache, GivesUpTheOldestWhenThereAreTooMany) {
  ManualExecutor executor;
  FileCache cache(executor, {.entries = 2});
  for (const char* path : {"/a", "/b", "/c"}) cache.keep(path, file_of(1));
  EXPECT_EQ(cache.find("/a"), nullptr);
  EXPECT_NE(cache.find("/b"), nullptr);
  EXPECT_NE(cache.find("/c"), nullptr);
}

TEST(FileCache, KeepsNoMoreContentThanItMay) {
  ManualExecutor executor;
  FileCache cache(executor, {.content = 10});
  cache.keep("/a", file_of(4));
  cache.keep("/b", file_of(4));
  cache.keep("/c", file_of(4));
  EXPECT_EQ(cache.find("/a"), nullptr);
  EXPECT_NE(cache.find("/b"), nullptr);
  cache.keep("/d", file_of(11));
  EXPECT_EQ(cache.find("/d"), nullptr);
  EXPECT_NE(cache.find("/c"), nullptr) << "what is not kept pushes nothing out";
}

}  // namespace
}  // namespace tocsin::http
