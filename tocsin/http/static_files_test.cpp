// SPDX-License-Identifier: MIT
//
// Method: a folder with a secret beside it, asked without a network; the executor's clock is the
// test's, so that "within a second" is exact.
#include "tocsin/http/static_files.hpp"

#include <sys/stat.h>

#include <gtest/gtest.h>

#include "tocsin/kern/folder_testing.hpp"
#include "tocsin/task/executor_testing.hpp"

namespace tocsin::http {
namespace {

using namespace std::chrono_literals;

class StaticFilesTest : public testing::Test {
 protected:
  StaticFilesTest() {
    for (const char* const name : {"root", "root/folder", "root/folder/empty"})
      base_.make_folder(name);
    write("page.html", "<p>page");
    write("folder/index.html", "<p>index");
    write("empty.txt", "");
    write(".hidden", "secret");
    write("large.bin", std::string(100'000, 'l'));
    base_.write("secret", "secret");
    base_.make_link("../secret", "root/link");
    base_.make_link("..", "root/up");
    base_.make_fifo("root/fifo");
    files_ = std::make_unique<StaticFiles>(
        executor_, Directory::open(kernel_, base_.at("root").c_str()).value());
  }

  void write(const std::string& path, std::string_view text) { base_.write("root/" + path, text); }

  Response get(std::string_view path, Conditions conditions = {}, std::string_view range = {}) {
    return (*files_)(
        Request{.method = Method::get, .path = path, .range = range, .conditions = conditions});
  }

  std::string tag_of(std::string_view path) {
    const std::string fields(get(path).fields);
    const std::size_t at = fields.find("ETag: ") + 6;
    return fields.substr(at, fields.find('\r', at) - at);
  }

  Kernel& kernel_ = kernel_under_test();
  ManualExecutor executor_;
  Folder base_;
  std::unique_ptr<StaticFiles> files_;
};

TEST_F(StaticFilesTest, AnswersWithAFileAndWhatItIs) {
  const Response response = get("/page.html");
  EXPECT_EQ(response.status, Status::ok);
  EXPECT_EQ(response.content, "<p>page");
  EXPECT_TRUE(response.fields.starts_with("Content-Type: text/html; charset=utf-8\r\n"));
  EXPECT_TRUE(response.fields.contains("\r\nLast-Modified: "));
  EXPECT_TRUE(response.fields.ends_with("\r\nAccept-Ranges: bytes\r\n"));
}

TEST_F(StaticFilesTest, AnswersWithIndexForAFolder) {
  EXPECT_EQ(get("/folder/").content, "<p>index");
  EXPECT_EQ(get("/folder/empty/").status, Status::not_found);
}

TEST_F(StaticFilesTest, SendsWhoForgotTheSlashThereAndNowhereElse) {
  EXPECT_EQ(get("/folder").location, "/folder/");
  EXPECT_EQ(get("//folder").location, "/folder/");
  EXPECT_EQ(get("/page.html/../folder").location, "/folder/");
  Request request{.method = Method::get, .path = "/folder", .query = "a=b"};
  const Response response = (*files_)(request);
  EXPECT_EQ(response.status, Status::moved_permanently);
  EXPECT_EQ(response.location, "/folder/?a=b");
}

TEST_F(StaticFilesTest, DeniesAllThatIsNotItsOwn) {
  const struct {
    std::string_view path;
    Status status;
  } cases[] = {
      {"/absent", Status::not_found},
      {"/link", Status::not_found},
      {"/up/secret", Status::not_found},
      {"/up", Status::not_found},
      {"/.hidden", Status::not_found},
      {"/fifo", Status::not_found},
      {"/page.html/", Status::not_found},
      {"/page.html/x", Status::not_found},
      {"/folder/../../secret", Status::bad_request},
      {"/..", Status::bad_request},
      {"/%00", Status::bad_request},
  };
  for (const auto& c : cases) EXPECT_EQ(get(c.path).status, c.status) << c.path;
  EXPECT_EQ(get("/" + std::string(5000, 'a')).status, Status::uri_too_long);
  EXPECT_EQ(get("/" + std::string(300, 'a')).status, Status::not_found) << "too long for a name";
}

TEST_F(StaticFilesTest, KnowsTwoMethods) {
  Request request{.method = Method::post, .path = "/page.html"};
  const Response post = (*files_)(request);
  EXPECT_EQ(post.status, Status::method_not_allowed);
  EXPECT_TRUE(post.fields.contains("Allow: GET, HEAD\r\n"));
  request.method = Method::other;
  EXPECT_EQ((*files_)(request).status, Status::unknown_method);
  request.method = Method::head;
  EXPECT_EQ((*files_)(request).length(), 7u);
}

TEST_F(StaticFilesTest, SendsNothingThatTheClientHas) {
  const std::string tag = tag_of("/page.html");
  const Response response = get("/page.html", {.if_none_match = tag});
  EXPECT_EQ(response.status, Status::not_modified);
  EXPECT_FALSE(response.fields.contains("Content-Type")) << response.fields;
  EXPECT_TRUE(response.fields.contains("ETag: " + tag));
  EXPECT_EQ(get("/page.html", {.if_none_match = "\"other\""}).status, Status::ok);
  EXPECT_EQ(get("/page.html", {.if_match = "\"other\""}).status, Status::precondition_failed);
}

TEST_F(StaticFilesTest, SaysNothingOfATimeThatSaysNothing) {
  write("store.txt", "from a store that sets all times to 1970");
  const timespec times[2] = {{.tv_sec = 1, .tv_nsec = 0}, {.tv_sec = 1, .tv_nsec = 0}};
  ASSERT_TRUE(kernel_.utimensat(AT_FDCWD, base_.at("root/store.txt").c_str(), times, 0));
  EXPECT_FALSE(get("/store.txt").fields.contains("Last-Modified"));
  EXPECT_EQ(get("/store.txt", {.if_modified_since = "Sun, 06 Nov 1994 08:49:37 GMT"}).status,
            Status::ok);
  EXPECT_EQ(get("/store.txt", {.if_none_match = tag_of("/store.txt")}).status,
            Status::not_modified);
}

TEST_F(StaticFilesTest, SendsThePartThatIsAskedFor) {
  const Response part = get("/page.html", {}, "bytes=3-");
  EXPECT_EQ(part.status, Status::partial_content);
  EXPECT_EQ(part.content, "page");
  EXPECT_EQ(part.range->first, 3u);
  EXPECT_EQ(part.range->last, 6u);
  EXPECT_EQ(part.range->total, 7u);

  const Response large = get("/large.bin", {}, "bytes=-10");
  EXPECT_GE(large.file.fd, 0);
  EXPECT_EQ(large.file.offset, 99'990u);
  EXPECT_EQ(large.file.length, 10u);

  const Response none = get("/page.html", {}, "bytes=7-");
  EXPECT_EQ(none.status, Status::range_not_satisfiable);
  EXPECT_EQ(none.range->total, 7u);
  EXPECT_FALSE(none.range->first.has_value());

  EXPECT_EQ(get("/empty.txt", {}, "bytes=0-").status, Status::range_not_satisfiable);
  EXPECT_EQ(get("/page.html", {.if_range = "\"old\""}, "bytes=3-").status, Status::ok);
  EXPECT_EQ(get("/page.html", {.if_range = tag_of("/page.html")}, "bytes=3-").content, "page");
}

TEST_F(StaticFilesTest, SeesAChangeWithinASecondAndNotBefore) {
  const std::string old_tag = tag_of("/page.html");
  write("page.html", "<p>new page");
  EXPECT_EQ(get("/page.html").content, "<p>page");
  executor_.advance(999ms);
  EXPECT_EQ(get("/page.html").content, "<p>page");
  executor_.elapse(1ms);  // The clock alone, before the cache's own alarm has run.
  EXPECT_EQ(get("/page.html").content, "<p>new page");
  EXPECT_NE(tag_of("/page.html"), old_tag);

  base_.remove("root/page.html");
  executor_.advance(1s);
  EXPECT_EQ(get("/page.html").status, Status::not_found);
}

TEST_F(StaticFilesTest, HoldsNoFileAndNoTimerWhenNobodyAsks) {
  Response kept = get("/large.bin");
  const int fd = kept.file.fd;
  const std::weak_ptr<const void> owner = kept.owner;
  executor_.advance(2s);
  EXPECT_FALSE(executor_.has_alarms());
  EXPECT_TRUE(kernel_.fcntl(fd, F_GETFD, 0)) << "an answer that is being sent keeps its file";
  kept.owner.reset();
  EXPECT_TRUE(owner.expired());
}

}  // namespace
}  // namespace tocsin::http
