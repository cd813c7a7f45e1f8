// SPDX-License-Identifier: MIT
//
// The example `fetch`, started as a program and told to get pages of nginx.
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "serve_testing.hpp"
#include "tocsin/adapters/curl/nginx_testing.hpp"

namespace tocsin {
namespace {

TEST(FetchExample, PrintsStatusAndLengthOfEachAndSaysWhatFailed) {
  const std::string program = TOCSIN_BIN_DIR "/examples/fetch";
  if (!std::filesystem::exists(program)) GTEST_SKIP() << "there was no libcurl to build it with";
  if (!Nginx::is_installed()) GTEST_SKIP() << "there is no nginx (nginx-light)";
  const Nginx server("location / { return 200 hello; }  location /none { return 404 no; }");
  ::setenv("no_proxy", "*", 1);

  const Said got = Program({program, server.url("/"), server.url("/none")}).end();
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_NE(got.out.find(server.url("/") + ": 200, 5 bytes, "), std::string::npos) << got.out;
  EXPECT_NE(got.out.find(server.url("/none") + ": 404, 2 bytes, "), std::string::npos) << got.out;

  const Said failed = Program({program, "http://127.0.0.1:x/", server.url("/")}).end();
  EXPECT_EQ(failed.status, 1);
  EXPECT_EQ(failed.err.rfind("fetch: http://127.0.0.1:x/: ", 0), 0u) << failed.err;
  EXPECT_NE(failed.out.find(": 200, 5 bytes, "), std::string::npos) << "the other one is got";
}

}  // namespace
}  // namespace tocsin
