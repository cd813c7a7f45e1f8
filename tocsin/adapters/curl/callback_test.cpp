// SPDX-License-Identifier: MIT
//
// What callbacks ask for inside libcurl, which it does not allow there; and what of it is a CHECK.
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/adapters/curl/curl_testing.hpp"
#include "tocsin/adapters/curl/multi.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin::curl {
namespace {

constexpr const char* whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
constexpr const char* beginning = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe begin";

class CallbackTest : public testing::Test {
 protected:
  using Done = std::optional<Outcome<>>;

  static Task<> perform(Multi& multi, Easy& easy, Done& into) {
    into.emplace(co_await multi.perform(easy.get()));
  }
  void start(Easy& easy, Done& into) { start(world_.scope, easy, into); }
  void start(Scope& scope, Easy& easy, Done& into) { scope.spawn(perform(*multi_, easy, into)); }

  /// Until libcurl has called back `easy`, whose server says `text`.
  void play(Easy& easy, const char* text) {
    ASSERT_TRUE(world_.run_until([&] { return server_.hear() > 0; }));
    server_.say(text);
    ASSERT_TRUE(world_.run_until([&] { return !easy.body.empty(); }));
  }

  LoopWorld world_;
  PlayedWebServer server_;
  std::optional<Multi> multi_ = Multi::create(world_.loop).value();
};

TEST_F(CallbackTest, ATransferIsCancelledFromItsOwn) {
  Easy easy(server_.url());
  Done done;
  Scope scope(world_.loop);
  start(scope, easy, done);
  easy.when_it_comes = [&] { scope.cancel(); };
  play(easy, beginning);
  ASSERT_TRUE(world_.run_until([&] { return done.has_value(); }));
  EXPECT_EQ(done->error(), Errno::cancelled);
  EXPECT_TRUE(easy.is_free());
  EXPECT_EQ(world_.registrations(), 0u);
  EXPECT_TRUE(server_.is_left());
}

TEST_F(CallbackTest, OneThatEndsWithTheVeryBytesIsCancelledAllTheSame) {
  Easy easy(server_.url());
  Done done;
  Scope scope(world_.loop);
  start(scope, easy, done);
  easy.when_it_comes = [&] { scope.cancel(); };
  play(easy, whole);
  ASSERT_TRUE(world_.run_until([&] { return done.has_value(); }));
  EXPECT_EQ(done->error(), Errno::cancelled);
  EXPECT_TRUE(easy.is_free());
  EXPECT_EQ(world_.registrations(), 0u);
}

TEST_F(CallbackTest, AnotherOneIsCancelledAndBegunAnewAtOnce) {
  Easy easy(server_.url());
  Easy other(server_.url());
  Done done;
  Done done_other;
  Done done_again;
  Scope scope(world_.loop);
  start(scope, other, done_other);
  ASSERT_TRUE(world_.run_until([&] { return server_.hear() > 0; }));
  start(easy, done);
  easy.when_it_comes = [&] {
    scope.cancel();
    start(other, done_again);
  };
  play(easy, whole);
  ASSERT_TRUE(world_.run_until([&] { return done && done_other; }));
  EXPECT_TRUE(*done);
  EXPECT_EQ(done_other->error(), Errno::cancelled);
  play(other, whole);
  ASSERT_TRUE(world_.run_until([&] { return done_again.has_value(); }));
  EXPECT_TRUE(*done_again) << done_again->error().message();
}

TEST_F(CallbackTest, OneThatIsBegunThereMayBeGivenUpBeforeItIsStarted) {
  Easy easy(server_.url());
  Easy never(server_.url());
  Done done;
  Done done_never;
  start(easy, done);
  easy.when_it_comes = [&] {
    Scope scope(world_.loop);
    start(scope, never, done_never);
  };
  play(easy, whole);
  ASSERT_TRUE(world_.run_until([&] { return done.has_value(); }));
  EXPECT_TRUE(*done);
  EXPECT_FALSE(done_never) << "it was destroyed";
  EXPECT_EQ(world_.registrations(), 0u);
}

TEST_F(CallbackTest, WhoTakesNothingForNowKeepsNoLoopBusy) {
  Easy easy(server_.url());
  easy.is_paused = true;
  Done done;
  start(easy, done);
  ASSERT_TRUE(world_.run_until([&] { return server_.hear() > 0; }));
  server_.say(whole);
  ASSERT_TRUE(world_.run_until([&] { return world_.registrations() == 0; }));
  easy.is_paused = false;
  EXPECT_EQ(curl_easy_pause(easy.get(), CURLPAUSE_CONT), CURLE_OK);
  ASSERT_TRUE(world_.run_until([&] { return done.has_value(); }));
  EXPECT_TRUE(*done);
  EXPECT_EQ(easy.body, "hello");
}

using CallbackDeathTest = CallbackTest;

TEST_F(CallbackDeathTest, NoTransferIsDestroyedThere) {
  Easy easy(server_.url());
  Done done;
  std::optional<Scope> scope(world_.loop);
  start(*scope, easy, done);
  easy.when_it_comes = [&] {
    EXPECT_DEATH(scope.reset(), "destroyed inside a callback of libcurl");
  };
  play(easy, whole);
  ASSERT_TRUE(world_.run_until([&] { return done.has_value(); }));
}

TEST_F(CallbackDeathTest, NoMultiEndsThere) {
  Easy easy(server_.url());
  Done done;
  start(easy, done);
  easy.when_it_comes = [&] { EXPECT_DEATH(multi_.reset(), "ended in a callback of libcurl"); };
  play(easy, whole);
  ASSERT_TRUE(world_.run_until([&] { return done.has_value(); }));
}

TEST_F(CallbackDeathTest, AHandlePerformsOneTransferAtATime) {
  Easy easy(server_.url());
  Done done;
  Done again;
  start(easy, done);
  EXPECT_DEATH(start(easy, again), "one transfer at a time");
  play(easy, whole);
  ASSERT_TRUE(world_.run_until([&] { return done.has_value(); }));
}

}  // namespace
}  // namespace tocsin::curl
