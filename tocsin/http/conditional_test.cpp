// SPDX-License-Identifier: MIT
//
// Method: tables, a line for each sentence of RFC 9110, 13 and 14, that decides something.
#include "tocsin/http/conditional.hpp"

#include <gtest/gtest.h>

namespace tocsin::http {
namespace {

constexpr std::string_view before = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr std::string_view exactly = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr std::string_view after = "Sun, 06 Nov 1994 08:49:38 GMT";
constexpr Validators file{.tag = R"("a-1")", .modified = 784111777};
constexpr Validators timeless{.tag = R"("a-1")", .modified = std::nullopt};

constexpr auto send = Verdict::send;
constexpr auto not_modified = Verdict::not_modified;
constexpr auto failed = Verdict::failed;

TEST(Conditions, DecideByTagFirstAndByDateIfThereIsNoTag) {
  const struct {
    Conditions conditions;
    Verdict verdict;
  } cases[] = {
      {{}, send},
      {{.if_none_match = R"("a-1")"}, not_modified},
      {{.if_none_match = R"(W/"a-1")"}, not_modified},
      {{.if_none_match = R"("x", W/"y" ,"a-1")"}, not_modified},
      {{.if_none_match = R"(,, "a-1")"}, not_modified},
      {{.if_none_match = "*"}, not_modified},
      {{.if_none_match = R"("a-2")"}, send},
      {{.if_none_match = "a-1"}, send},
      {{.if_none_match = R"("a-1)"}, send},
      {{.if_none_match = R"("x" nonsense "a-1")"}, send},
      {{.if_modified_since = before}, send},
      {{.if_modified_since = exactly}, not_modified},
      {{.if_modified_since = after}, not_modified},
      {{.if_modified_since = "yesterday"}, send},
      // A tag that does not match outweighs a date that does.
      {{.if_none_match = R"("a-2")", .if_modified_since = after}, send},
      {{.if_match = R"("a-1")"}, send},
      {{.if_match = "*"}, send},
      {{.if_match = R"("a-2")"}, failed},
      {{.if_match = R"(W/"a-1")"}, failed},  // Strong comparison.
      {{.if_match = R"("a-1")", .if_none_match = R"("a-1")"}, not_modified},
      {{.if_unmodified_since = before}, failed},
      {{.if_unmodified_since = exactly}, send},
      {{.if_unmodified_since = "never"}, send},
      {{.if_match = R"("a-1")", .if_unmodified_since = before}, send},
  };
  for (const auto& c : cases)
    EXPECT_EQ(evaluate(c.conditions, file), c.verdict)
        << c.conditions.if_match << '|' << c.conditions.if_none_match << '|'
        << c.conditions.if_modified_since << '|' << c.conditions.if_unmodified_since;
}

TEST(Conditions, OnTheDateOfAFileWithoutOneCountAsAbsent) {
  EXPECT_EQ(evaluate({.if_modified_since = after}, timeless), send);
  EXPECT_EQ(evaluate({.if_unmodified_since = before}, timeless), send);
  EXPECT_EQ(evaluate({.if_none_match = R"("a-1")"}, timeless), not_modified);
}

struct RangeCase {
  std::string_view range;
  std::uint64_t size;
  RangeVerdict verdict;
  ByteRange part{};
};

TEST(Range, SelectsOnePartOrAllOrNothing) {
  constexpr auto whole = RangeVerdict::whole;
  constexpr auto part = RangeVerdict::part;
  constexpr auto unsatisfiable = RangeVerdict::unsatisfiable;
  const RangeCase cases[] = {
      {"", 1000, whole},
      {"bytes=0-0", 1000, part, {0, 0}},
      {"bytes=0-499", 1000, part, {0, 499}},
      {"bytes=500-", 1000, part, {500, 999}},
      {"bytes=0-", 1000, part, {0, 999}},
      {"bytes=-1", 1000, part, {999, 999}},
      {"bytes=-1000", 1000, part, {0, 999}},
      {"bytes=-5000", 1000, part, {0, 999}},
      {"bytes=900-5000", 1000, part, {900, 999}},
      {"bytes=900-99999999999999999999999", 1000, part, {900, 999}},
      {"Bytes= 0-1 ", 1000, part, {0, 1}},
      {"bytes=1000-", 1000, unsatisfiable},
      {"bytes=1000-1001", 1000, unsatisfiable},
      {"bytes=99999999999999999999999-", 1000, unsatisfiable},
      {"bytes=-0", 1000, unsatisfiable},
      {"bytes=0-", 0, unsatisfiable},
      {"bytes=-1", 0, unsatisfiable},
      {"bytes=2-1", 1000, whole},
      {"bytes=0-0,2-3", 1000, whole},
      {"bytes=", 1000, whole},
      {"bytes=-", 1000, whole},
      {"bytes=x-1", 1000, whole},
      {"bytes=1-x", 1000, whole},
      {"bytes=1", 1000, whole},
      {"bytes 0-1", 1000, whole},
      {"items=0-1", 1000, whole},
      {"byte", 1000, whole},
  };
  for (const RangeCase& c : cases) {
    const RangeChoice got = select_range(c.range, c.size);
    EXPECT_EQ(got.verdict, c.verdict) << c.range;
    EXPECT_EQ(got.range, c.part) << c.range;
  }
}

TEST(IfRange, LetsARangeCountOnlyForTheVerySameState) {
  EXPECT_TRUE(range_applies("", file));
  EXPECT_TRUE(range_applies(R"("a-1")", file));
  EXPECT_TRUE(range_applies(exactly, file));
  EXPECT_FALSE(range_applies(R"("a-2")", file));
  EXPECT_FALSE(range_applies(R"(W/"a-1")", file));
  EXPECT_FALSE(range_applies(before, file));
  EXPECT_FALSE(range_applies(after, file));
  EXPECT_FALSE(range_applies("nonsense", file));
  EXPECT_FALSE(range_applies(exactly, timeless));
}

}  // namespace
}  // namespace tocsin::http
