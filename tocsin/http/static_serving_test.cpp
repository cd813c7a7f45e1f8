// SPDX-License-Identifier: MIT
//
// Method: a folder served over a connection: what is small comes from the cache, what is large goes
// from the file to the socket by sendfile(2), and the bytes that arrive are the file's.
#include <gtest/gtest.h>

#include "tocsin/http/server_testing.hpp"
#include "tocsin/http/static_files.hpp"
#include "tocsin/kern/folder_testing.hpp"

namespace tocsin::http {
namespace {

class StaticServingTest : public testing::Test {
 protected:
  StaticServingTest() {
    for (std::size_t i = 0; i < large_.size(); ++i) large_[i] = static_cast<char>(i * 31 + i / 251);
    folder_.write("small.txt", "0123456789");
    folder_.write("large.bin", large_);
    folder_.make_link("small.txt", "link.txt");
  }

  /// The answers to one request after the other.
  std::string ask(const std::vector<std::string>& requests) {
    Exchange exchange;
    auto directory = Directory::open(kernel_under_test(), folder_.path().c_str()).value();
    return exchange(Handler(StaticFiles(exchange.loop(), std::move(directory))), requests);
  }
  static std::string get(std::string_view path, std::string_view fields = "") {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n";
  }

  Folder folder_;
  std::string large_ = std::string(3'000'000, '\0');  // More than a connection takes at once.
};

TEST_F(StaticServingTest, WhatArrivesIsTheFile) {
  const std::string heard = ask({get("/large.bin") + get("/small.txt")});
  ASSERT_TRUE(heard.starts_with("HTTP/1.1 200 OK\r\n"));
  const std::size_t body = heard.find("\r\n\r\n") + 4;
  EXPECT_TRUE(heard.substr(body, large_.size()) == large_);
  const std::string rest = heard.substr(body + large_.size());
  EXPECT_TRUE(rest.starts_with("HTTP/1.1 200 OK\r\n")) << rest.substr(0, 200);
  EXPECT_TRUE(rest.ends_with("\r\n\r\n0123456789"));
}

TEST_F(StaticServingTest, APartOfAFileIsThatPart) {
  const std::string heard = ask({get("/large.bin", "Range: bytes=1000000-1999999\r\n")});
  ASSERT_TRUE(heard.starts_with("HTTP/1.1 206 ")) << heard.substr(0, 200);
  EXPECT_TRUE(heard.substr(heard.find("\r\n\r\n") + 4) == large_.substr(1'000'000, 1'000'000));
}

TEST_F(StaticServingTest, NoLinkLeadsAnywhere) {
  EXPECT_TRUE(ask({get("/link.txt")}).starts_with("HTTP/1.1 404 "));
}

}  // namespace
}  // namespace tocsin::http
