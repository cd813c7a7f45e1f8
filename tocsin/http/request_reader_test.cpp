// SPDX-License-Identifier: MIT
//
// Method: three requests, one with a body, are fed in every split into two, and in small pieces;
// what is read must be the same each time. Each piece is destroyed after `keep_rest`, so that a
// view that outlives it shows under ASan.
#include "tocsin/http/request_reader.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace tocsin::http {
namespace {

constexpr ParseLimits limits{};
const std::string stream =
    "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
    "PUT /b HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n1234"
    "\r\nGET /c HTTP/1.1\r\nHost: x\r\nX: y\r\n\r\n";

// Feeds a copy of `piece` that goes afterwards; collects the targets of what is read.
void feed(RequestReader& reader, std::string_view piece, std::vector<std::string>& targets) {
  const std::vector<char> bytes(piece.begin(), piece.end());
  reader.feed({bytes.data(), bytes.size()});
  Request request;
  while (reader.next(request).state == Parsed::State::complete) {
    targets.emplace_back(request.target);
    reader.skip_body(request.content_length);
  }
  reader.keep_rest();
}

TEST(RequestReader, ReadsTheSameInEverySplit) {
  const std::vector<std::string> expected{"/a", "/b", "/c"};
  for (std::size_t cut = 1; cut < stream.size(); ++cut) {
    RequestReader reader(limits);
    std::vector<std::string> targets;
    feed(reader, std::string_view(stream).substr(0, cut), targets);
    feed(reader, std::string_view(stream).substr(cut), targets);
    EXPECT_EQ(targets, expected) << "cut at " << cut;
    EXPECT_TRUE(reader.is_between_requests());
  }
  for (const std::size_t piece : {1u, 2u, 3u, 7u}) {
    RequestReader reader(limits);
    std::vector<std::string> targets;
    for (std::size_t at = 0; at < stream.size(); at += piece)
      feed(reader, std::string_view(stream).substr(at, piece), targets);
    EXPECT_EQ(targets, expected) << "in pieces of " << piece;
  }
}

TEST(RequestReader, KnowsWhetherSomethingIsUnderWay) {
  RequestReader reader(limits);
  std::vector<std::string> targets;
  EXPECT_TRUE(reader.is_between_requests());
  feed(reader, "GET /a HTTP/1.1\r\n", targets);
  EXPECT_FALSE(reader.is_between_requests());
  EXPECT_TRUE(reader.has_partial_head());
  feed(reader, "Host: x\r\nContent-Length: 3\r\n\r\n", targets);
  EXPECT_FALSE(reader.is_between_requests()) << "the body is still to come";
  EXPECT_FALSE(reader.has_partial_head());
  feed(reader, "123", targets);
  EXPECT_TRUE(reader.is_between_requests());
}

TEST(RequestReader, RefusesAHeadThatGrowsWithoutEnd) {
  for (const std::string_view drip : {"a", "a: b\r\n"}) {
    RequestReader reader(limits);
    Parsed parsed{.state = Parsed::State::incomplete};
    Request request;
    std::size_t sent = 0;
    const std::string begin = drip == "a" ? "GET /" : "GET / HTTP/1.1\r\nHost: x\r\n";
    reader.feed(begin);
    while ((parsed = reader.next(request)).state == Parsed::State::incomplete) {
      reader.keep_rest();
      ASSERT_LE(sent += drip.size(), limits.head_bytes);
      reader.feed(drip);
    }
    EXPECT_EQ(parsed.state, Parsed::State::refused);
    EXPECT_EQ(parsed.status, drip == "a" ? Status::uri_too_long : Status::header_fields_too_large);
  }
}

}  // namespace
}  // namespace tocsin::http
