// SPDX-License-Identifier: MIT
//
// Every way of ending at every wait of a line that performs one transfer after the other.
#include <cstdlib>

#include <gtest/gtest.h>

#include "tocsin/adapters/curl/curl_testing.hpp"
#include "tocsin/adapters/curl/multi.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"

namespace tocsin::curl {
namespace {

class Transfers : public LoopScenario<> {
 public:
  Transfers() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i) {
      const auto done = co_await multi_.perform(easy_.get());
      if (!done) co_return;
    }
  }
  void complete() override {
    if (server_.hear() > 0) server_.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  }
  std::string left_behind() override {
    if (!easy_.is_free()) return "the handle, in the multi";
    return LoopScenario::left_behind();
  }

 private:
  PlayedWebServer server_;
  Easy easy_{server_.url()};
  Multi multi_ = Multi::create(loop()).value();
};
TEST(Transfer, IsGivenUpWithoutATrace) { EXPECT_EQ(walk<Transfers>(), 2); }

class Gets : public LoopScenario<> {
 public:
  Gets() {
    ::setenv("no_proxy", "*", 1);
    set_out();
  }
  Task<> line() override { static_cast<void>(co_await multi_.get(server_.url())); }
  void complete() override {
    if (server_.hear() > 0) server_.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  }

 private:
  PlayedWebServer server_;
  Multi multi_ = Multi::create(loop()).value();
};
TEST(Get, IsGivenUpWithoutATrace) { EXPECT_EQ(walk<Gets>(), 1); }

}  // namespace
}  // namespace tocsin::curl
