// SPDX-License-Identifier: MIT
//
// Method: a table of paths and what they clean to; then seeded nonsense, of which every clean
// answer must be free of all that clean_path promises to keep out.
#include "tocsin/http/path.hpp"

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/base/prng.hpp"

namespace tocsin::http {
namespace {

using namespace std::string_view_literals;

struct Case {
  std::string_view raw;
  PathVerdict verdict;
  std::string_view path = {};
};

constexpr auto clean = PathVerdict::clean;
constexpr auto malformed = PathVerdict::malformed;
constexpr auto hidden = PathVerdict::hidden;

TEST(CleanPath, DecodesOnceAndResolvesDots) {
  const Case cases[] = {
      {"/", clean, "/"},
      {"/a", clean, "/a"},
      {"/a/", clean, "/a/"},
      {"//a///b//", clean, "/a/b/"},
      {"//evil.example/x", clean, "/evil.example/x"},
      {"/a/./b/.", clean, "/a/b/"},
      {"/a/../b", clean, "/b"},
      {"/a/b/..", clean, "/a/"},
      {"/a/b/../", clean, "/a/"},
      {"/a/%2e%2E/b", clean, "/b"},
      {"/a/.%2e/b", clean, "/b"},
      {"/%61%20b", clean, "/a b"},
      {"/%252e%252e/x", clean, "/%2e%2e/x"},
      {"/%E2%82%AC", clean, "/\xE2\x82\xAC"},
      {"/\xE2\x82\xAC", clean, "/\xE2\x82\xAC"},
      {"/a+b", clean, "/a+b"},
      {"/a..b/c..", clean, "/a..b/c.."},
  };
  std::array<char, 64> room;
  for (const Case& c : cases) {
    const CleanPath got = clean_path(c.raw, room);
    EXPECT_EQ(got.verdict, c.verdict) << c.raw;
    EXPECT_EQ(got.path, c.path) << c.raw;
  }
}

TEST(CleanPath, RefusesWhatClimbsHidesOrCanBeReadTwoWays) {
  const Case cases[] = {
      {"", malformed},
      {"a", malformed},
      {"../etc/passwd", malformed},
      {"/..", malformed},
      {"/../etc/passwd", malformed},
      {"/%2e%2e/etc/passwd", malformed},
      {"/a/../../etc/passwd", malformed},
      {"/..%2fetc/passwd", malformed},
      {"/%2F..%2Fetc/passwd", malformed},
      {"/a%2fb", malformed},
      {"/..\\etc", malformed},
      {"/a\\b", malformed},
      {"/a%5Cb", malformed},
      {"/a%00.html", malformed},
      {"/a\0b"sv, malformed},
      {"/%", malformed},
      {"/%4", malformed},
      {"/%zz", malformed},
      {"/a%2", malformed},
      {"/.git/config", hidden},
      {"/%2egit/config", hidden},
      {"/a/.htaccess", hidden},
      {"/...", hidden},
      {"/.../etc", hidden},
  };
  std::array<char, 64> room;
  for (const Case& c : cases) EXPECT_EQ(clean_path(c.raw, room).verdict, c.verdict) << c.raw;
}

TEST(CleanPath, SaysSoWhenTheRoomIsTooSmall) {
  std::array<char, 8> room;
  EXPECT_EQ(clean_path("/1234567", room).path, "/1234567");
  EXPECT_EQ(clean_path("/12345678", room).verdict, PathVerdict::too_long);
  EXPECT_EQ(clean_path("/1234567/", room).verdict, PathVerdict::too_long);
  EXPECT_EQ(clean_path("/", std::span(room).first(0)).verdict, PathVerdict::too_long);
}

TEST(CleanPath, OfNonsenseIsNeverAnythingThatLeavesTheRoot) {
  constexpr std::string_view alphabet = "/.%25eEfFcC\\a0\0"sv;
  std::array<char, 32> room;
  int cleaned = 0;
  Prng prng(7);
  for (int i = 0; i < 200'000; ++i) {
    std::string raw = "/";
    for (auto length = prng.below(24); length > 0; --length)
      raw += alphabet[prng.below(alphabet.size())];
    const CleanPath got = clean_path(raw, room);
    if (got.verdict != clean) continue;
    ++cleaned;
    ASSERT_TRUE(got.path.starts_with('/')) << raw;
    ASSERT_FALSE(got.path.contains("//")) << raw;
    ASSERT_FALSE(got.path.contains("/.")) << raw;
    ASSERT_FALSE(got.path.contains('\\')) << raw;
    ASSERT_FALSE(got.path.contains('\0')) << raw;
  }
  EXPECT_GT(cleaned, 1000) << "too few got through for this to say anything";
}

TEST(CleanPath, IsItselfOnceItIsCleanAndEncodedAgain) {
  std::array<char, 64> room;
  std::array<char, 64> again;
  for (const std::string_view raw : {"/a b/%E2%82%AC?", "/x:y@z/%25", "//a//b/../c"}) {
    const CleanPath once = clean_path(raw, room);
    EXPECT_EQ(clean_path(encode_path(once.path), again).path, once.path) << raw;
  }
}

TEST(EncodePath, LeavesNothingThatCouldEndALineOrNameAHost) {
  EXPECT_EQ(encode_path("/a b/\r\nSet-Cookie: x/"), "/a%20b/%0D%0ASet-Cookie%3A%20x/");
  EXPECT_EQ(encode_path("/\xE2\x82\xAC-._~"), "/%E2%82%AC-._~");
}

}  // namespace
}  // namespace tocsin::http
