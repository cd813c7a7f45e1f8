// SPDX-License-Identifier: MIT
//
// Against this library's own server in the same loop; where a peer has to misbehave, a played one.
#include "tocsin/adapters/curl/multi.hpp"

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/adapters/curl/curl_testing.hpp"
#include "tocsin/http/server.hpp"
#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/task/timeout.hpp"

namespace tocsin::curl {
namespace {

using namespace std::chrono_literals;

Task<Outcome<>> perform(Multi& multi, Easy& easy) { co_return co_await multi.perform(easy.get()); }

struct PlayedKernel final : ForwardingKernel {
  Result<timespec> clock_gettime(clockid_t clock) override {
    auto time = below_.clock_gettime(clock);
    if (time) time->tv_sec += ahead.count();
    return time;
  }
  Result<> epoll_ctl(int epfd, int op, int fd, epoll_event* event) override {
    if (is_full && op == EPOLL_CTL_ADD) return std::unexpected(Errno{ENOSPC});
    return below_.epoll_ctl(epfd, op, fd, event);
  }

  std::chrono::seconds ahead{0};
  bool is_full = false;
};

class MultiTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { ::setenv("no_proxy", "*", 1); }

  MultiTest() {
    auto listener = TcpListener::bind(world_.loop, Address::loopback(0)).value();
    base_ = "http://" + listener.local_address().value().text();
    world_.scope.spawn(http::serve(std::move(listener), &MultiTest::answer));
    world_.run_until_idle();
    at_rest_ = world_.registrations();
  }

  static http::Response answer(const http::Request& request) {
    if (request.path == "/") return http::Response::text("hello");
    if (request.path == "/long") return http::Response::text(std::string(100'000, 'x'));
    if (request.path == "/moved")
      return {.status = http::Status::moved_permanently, .location = "/"};
    return http::Response::error(http::Status::not_found);
  }
  auto get(const std::string& path) { return world_.await(multi_.get(base_ + path)); }

  PlayedKernel kernel_;
  LoopWorld world_{kernel_};
  Multi multi_ = Multi::create(world_.loop).value();
  std::string base_;
  std::size_t at_rest_ = 0;
};

TEST_F(MultiTest, AnAnswerComesWithItsStatusAndBody) {
  const auto page = get("/");
  ASSERT_TRUE(page) << page.error().message();
  EXPECT_EQ(page->status, 200);
  EXPECT_EQ(page->body, "hello");
  EXPECT_EQ(get("/none")->status, 404) << "what the server says is an answer";
}

TEST_F(MultiTest, ARedirectIsFollowedByWhoWantsThat) {
  const auto page = get("/moved");
  ASSERT_TRUE(page) << page.error().message();
  EXPECT_EQ(page->body, "hello");
  Easy easy(base_ + "/moved");
  ASSERT_TRUE(world_.await(perform(multi_, easy)));
  EXPECT_EQ(easy.status(), 301);
}

TEST_F(MultiTest, TheHandleStaysTheCallersAndIsUsedAgain) {
  Easy easy(base_ + "/");
  ASSERT_TRUE(world_.await(perform(multi_, easy)));
  EXPECT_EQ(easy.ask(CURLINFO_NUM_CONNECTS), 1);
  easy.set(CURLOPT_URL, (base_ + "/long").c_str());
  ASSERT_TRUE(world_.await(perform(multi_, easy)));
  EXPECT_EQ(easy.ask(CURLINFO_NUM_CONNECTS), 0) << "the connection is used again";
  EXPECT_EQ(easy.body.size(), 5u + 100'000u);
}

TEST_F(MultiTest, AnAnswerThatIsLongerThanAllowedIsRefused) {
  const auto page = world_.await(multi_.get(base_ + "/long", 99'999));
  EXPECT_EQ(page.error().code(), CURLE_FILESIZE_EXCEEDED);
  EXPECT_EQ(page.error().number(), Errno{EFBIG});
  EXPECT_TRUE(world_.await(multi_.get(base_ + "/long", 100'000)));
}

// Without a server nothing here needs a network: the last name has a label that is too long for
// DNS (RFC 1035, 2.3.4), and is asked of nobody.
TEST_F(MultiTest, WhatFailedIsSaidInNumbersAndInWords) {
  const std::string gone = PlayedWebServer().url();
  struct {
    std::string url;
    int code;
    int number;
    const char* words;
  } const failures[] = {
      {gone, CURLE_COULDNT_CONNECT, ECONNREFUSED, "Failed to connect"},
      {"http://:x", CURLE_URL_MALFORMAT, EINVAL, "URL"},
      {"gopher://127.0.0.1/", CURLE_UNSUPPORTED_PROTOCOL, EPROTONOSUPPORT, "gopher"},
      {"http://" + std::string(64, 'a') + ".invalid/", CURLE_COULDNT_RESOLVE_HOST, ENOENT,
       "Could not resolve host"},
  };
  for (const auto& failure : failures) {
    const auto page = world_.await(multi_.get(failure.url));
    ASSERT_FALSE(page) << failure.url;
    EXPECT_EQ(page.error().code(), failure.code) << failure.url;
    EXPECT_EQ(page.error().number(), Errno{failure.number}) << failure.url;
    EXPECT_NE(page.error().message().find(failure.words), std::string::npos)
        << page.error().message();
  }
  EXPECT_EQ(world_.registrations(), at_rest_);
}

TEST_F(MultiTest, LibcurlsOwnTimeLimitIsItsError) {
  const PlayedWebServer silent;
  Easy easy(silent.url());
  easy.set(CURLOPT_TIMEOUT_MS, 20L);
  const auto done = world_.await(perform(multi_, easy));
  EXPECT_EQ(done.error().code(), CURLE_OPERATION_TIMEDOUT);
  EXPECT_EQ(done.error().message(), curl_easy_strerror(CURLE_OPERATION_TIMEDOUT));
  EXPECT_EQ(done.error(), Errno::timed_out);
}

TEST_F(MultiTest, ATimeoutOfOursEndsAStallInTheMiddleOfABody) {
  PlayedWebServer server;
  Easy easy(server.url());
  std::optional<Outcome<>> done;
  world_.scope.spawn([](Multi& by, Easy& what, std::optional<Outcome<>>& into) -> Task<> {
    into.emplace(co_await timeout(1h, by.perform(what.get())));
  }(multi_, easy, done));
  ASSERT_TRUE(world_.run_until([&] { return server.hear() > 0; }));
  server.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe begin");
  ASSERT_TRUE(world_.run_until([&] { return !easy.body.empty(); }));
  kernel_.ahead = 1h;
  while (!done) ASSERT_TRUE(world_.loop.run_once(100ms));
  EXPECT_EQ(done->error(), Errno::timed_out);
  EXPECT_EQ(done->error().code(), 0) << "it is no error of libcurl's";
  EXPECT_EQ(easy.body, "the begin");
  EXPECT_TRUE(server.is_left());
  EXPECT_EQ(world_.registrations(), at_rest_);

  easy.set(CURLOPT_URL, (base_ + "/").c_str());
  EXPECT_TRUE(world_.await(perform(multi_, easy))) << "the handle is as good as new";
}

TEST_F(MultiTest, WhoStillWaitsWhenItEndsIsCancelled) {
  PlayedWebServer server;
  Easy first(server.url());
  Easy second(server.url());
  std::vector<Outcome<>> done;
  const auto keep = [](Multi& by, Easy& what, std::vector<Outcome<>>& into) -> Task<> {
    into.push_back(co_await by.perform(what.get()));
  };
  std::optional<Multi> multi(Multi::create(world_.loop).value());
  world_.scope.spawn(keep(*multi, first, done));
  world_.scope.spawn(keep(*multi, second, done));
  int heard = 0;
  ASSERT_TRUE(world_.run_until([&] { return (heard += server.hear()) == 2; }));
  server.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe begin");
  world_.run_until_idle();
  multi.reset();
  EXPECT_EQ(world_.registrations(), at_rest_);
  ASSERT_TRUE(world_.run_until([&] { return done.size() == 2; }));
  for (const auto& each : done) EXPECT_EQ(each.error(), Errno::cancelled);
  first.set(CURLOPT_URL, (base_ + "/").c_str());
  EXPECT_TRUE(world_.await(perform(multi_, first))) << "it is nobody's";
}

// epoll_ctl(2): ENOSPC, fs.epoll.max_user_watches is reached.
TEST_F(MultiTest, ASocketThatCannotBeWatchedFailsItsTransfer) {
  const PlayedWebServer server;  // Which needs no room.
  kernel_.is_full = true;
  EXPECT_EQ(world_.await(multi_.get(server.url())).error(), Errno{ENOSPC});
  EXPECT_EQ(world_.registrations(), at_rest_);
  kernel_.is_full = false;
  EXPECT_TRUE(get("/"));
}

}  // namespace
}  // namespace tocsin::curl
