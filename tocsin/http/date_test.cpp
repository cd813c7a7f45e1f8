// SPDX-License-Identifier: MIT
//
// Method: tables with the examples of RFC 9110, 5.6.7; then a walk through the calendar, checked
// against gmtime(3), so that the arithmetic is not tested with itself.
#include "tocsin/http/date.hpp"

#include <time.h>

#include <string>

#include <gtest/gtest.h>

#include "tocsin/base/prng.hpp"

namespace tocsin::http {
namespace {

std::string text_of(std::int64_t seconds) {
  const DateText text = format_date(seconds);
  return {text.begin(), text.end()};
}

TEST(HttpDate, IsReadInEachOfTheThreeForms) {
  for (const char* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994"})
    EXPECT_EQ(parse_date(text), 784111777) << text;
  EXPECT_EQ(parse_date("Wed Nov 16 08:49:37 1994"), 784111777 + 10 * 86400);
}

TEST(HttpDate, TwoDigitsOfAYearMean1970To2069) {
  EXPECT_EQ(parse_date("Thursday, 01-Jan-70 00:00:00 GMT"), 0);
  EXPECT_EQ(parse_date("Tuesday, 01-Jan-69 00:00:00 GMT"), 3124224000);
}

TEST(HttpDate, ThatIsNoneToTheLetterIsNotRead) {
  for (const char* text :
       {"", "0", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
        "sun, 06 nov 1994 08:49:37 gmt", " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov -994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT", "Sun Nov 6 08:49:37 1994", "1994-11-06T08:49:37Z"})
    EXPECT_EQ(parse_date(text), std::nullopt) << text;
}

TEST(HttpDate, IsWrittenAsImfFixdate) {
  EXPECT_EQ(text_of(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(text_of(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(text_of(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
}

TEST(HttpDate, BeyondFourDigitsOfAYearIsTheLastSecondThereIs) {
  EXPECT_EQ(text_of(INT64_MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
  EXPECT_EQ(text_of(INT64_MIN), "Mon, 01 Jan 0001 00:00:00 GMT");
}

TEST(HttpDate, AgreesWithGmtimeAndReadsBackWhatItWrote) {
  Prng prng(20240229);
  for (int i = 0; i < 20'000; ++i) {
    const auto seconds = static_cast<std::int64_t>(prng.below(253402300800));
    const time_t value = seconds;
    tm parts{};
    ASSERT_NE(gmtime_r(&value, &parts), nullptr);
    char expected[64];
    ASSERT_GT(strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &parts), 0u);
    ASSERT_EQ(text_of(seconds), expected);
    ASSERT_EQ(parse_date(expected), seconds);
  }
}

}  // namespace
}  // namespace tocsin::http
