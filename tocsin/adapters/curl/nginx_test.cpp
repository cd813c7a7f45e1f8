// SPDX-License-Identifier: MIT
//
// Against nginx: many transfers at once over few connections, redirects to elsewhere, bodies larger
// than every buffer, and descriptors that libcurl closes and whose numbers it takes again.
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/adapters/curl/curl_testing.hpp"
#include "tocsin/adapters/curl/multi.hpp"
#include "tocsin/adapters/curl/nginx_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin::curl {
namespace {

constexpr const char* locations = R"(
  location /connection { return 200 "$connection $arg_number"; }
  location /moved { return 302 /large; }
  location /closing { keepalive_timeout 0; return 302 /closing2; }
  location /closing2 { keepalive_timeout 0; return 200 "closed"; }
)";

class NginxTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ::setenv("no_proxy", "*", 1);
    if (!Nginx::is_installed()) return;
    nginx = new Nginx(locations);
    nginx->folder().write("large", large());
  }
  static void TearDownTestSuite() {
    delete nginx;
    nginx = nullptr;
  }
  void SetUp() override {
    if (nginx == nullptr) GTEST_SKIP() << "there is no nginx (nginx-light)";
  }
  static const std::string& large() {
    static const std::string bytes = [] {
      std::string text(8'000'000, '\0');
      for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 + i / 251);
      return text;
    }();
    return bytes;
  }

  static Nginx* nginx;
  LoopWorld world_;
  Multi multi_ = Multi::create(world_.loop).value();
};
Nginx* NginxTest::nginx = nullptr;

Task<> get(Multi& multi, std::string url, std::vector<Response>& into) {
  auto response = co_await multi.get(std::move(url));
  EXPECT_TRUE(response) << response.error().message();
  if (response) into.push_back(std::move(*response));
}

TEST_F(NginxTest, ManyTransfersAtOnceShareFewConnections) {
  curl_multi_setopt(multi_.native(), CURLMOPT_MAX_TOTAL_CONNECTIONS, 10L);
  std::vector<Response> got;
  for (int i = 0; i < 500; ++i) {
    const std::string number = std::to_string(i);
    world_.scope.spawn(get(multi_, nginx->url("/connection?number=" + number), got));
  }
  ASSERT_TRUE(world_.run_until([&] { return world_.scope.size() == 0; }));
  std::set<std::string> connections;
  std::set<std::string> numbers;
  for (const Response& response : got) {
    EXPECT_EQ(response.status, 200);
    const auto blank = response.body.find(' ');
    connections.insert(response.body.substr(0, blank));
    numbers.insert(response.body.substr(blank));
  }
  EXPECT_EQ(numbers.size(), 500u) << "everybody got his own";
  EXPECT_EQ(connections.size(), 10u);
  EXPECT_EQ(world_.registrations(), 0u) << "nobody waits on an idle connection";
}

TEST_F(NginxTest, LargeBodiesComeSideBySideAndWhole) {
  std::vector<Response> got;
  for (int i = 0; i < 5; ++i) world_.scope.spawn(get(multi_, nginx->url("/moved"), got));
  ASSERT_TRUE(world_.run_until([&] { return world_.scope.size() == 0; }));
  ASSERT_EQ(got.size(), 5u);
  for (const Response& response : got) EXPECT_TRUE(response.body == large());
}

// Each transfer is two connections, the second opened when the first was closed, in one call of
// libcurl's: the number is the same, the file another.
TEST_F(NginxTest, ANumberThatLibcurlTakesAgainIsRegisteredForItsNewFile) {
  std::vector<int> numbers;
  const auto note = [](void* into, curl_socket_t fd, curlsocktype) {
    static_cast<std::vector<int>*>(into)->push_back(fd);
    return CURL_SOCKOPT_OK;
  };
  std::vector<std::unique_ptr<Easy>> all;
  for (int i = 0; i < 20; ++i) {
    auto& easy = *all.emplace_back(std::make_unique<Easy>(nginx->url("/closing")));
    easy.set(CURLOPT_FOLLOWLOCATION, 1L);
    easy.set(CURLOPT_SOCKOPTFUNCTION, +note);
    easy.set(CURLOPT_SOCKOPTDATA, &numbers);
    world_.scope.spawn([](Multi& by, Easy& what) -> Task<> {
      EXPECT_TRUE(co_await by.perform(what.get()));
    }(multi_, easy));
  }
  ASSERT_TRUE(world_.run_until([&] { return world_.scope.size() == 0; }));
  for (const auto& easy : all) EXPECT_EQ(easy->body, "closed");
  ASSERT_EQ(numbers.size(), 40u);
  EXPECT_LT(std::set(numbers.begin(), numbers.end()).size(), 40u) << "no number was taken again";
  EXPECT_EQ(world_.registrations(), 0u);
  EXPECT_EQ(world_.loop.counters().stale_events, 0u);
}

TEST_F(NginxTest, OnesThatAreCancelledInTheirBodiesLeaveTheOthersAlone) {
  std::vector<Response> got;
  Easy doomed(nginx->url("/large"));
  std::optional<Outcome<>> done;
  Scope scope(world_.loop);
  doomed.when_it_comes = [&] { scope.cancel(); };
  scope.spawn([](Multi& by, Easy& what, std::optional<Outcome<>>& into) -> Task<> {
    into.emplace(co_await by.perform(what.get()));
  }(multi_, doomed, done));
  for (int i = 0; i < 3; ++i) world_.scope.spawn(get(multi_, nginx->url("/large"), got));
  ASSERT_TRUE(world_.run_until([&] { return world_.scope.size() == 0 && done; }));
  EXPECT_EQ(done->error(), Errno::cancelled);
  EXPECT_LT(doomed.body.size(), large().size());
  ASSERT_EQ(got.size(), 3u);
  for (const Response& response : got) EXPECT_TRUE(response.body == large());
}

}  // namespace
}  // namespace tocsin::curl
