// SPDX-License-Identifier: MIT
//
// Dates as HTTP writes them (RFC 9110, 5.6.7), and seconds since 1970.
//
//     statx(2), the clock ──> seconds ──> [ format_date ] ──> Date, Last-Modified
//     If-Modified-Since, If-Range ──> [ parse_date ] ──> seconds
//
// Pure functions: no clock, no locale, no time zone, no allocation.
//
// Thread rule: any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tocsin::http {

/// "Sun, 06 Nov 1994 08:49:37 GMT": always that long, not terminated.
using DateText = std::array<char, 29>;

/// `seconds` since 1970-01-01 UTC as an IMF-fixdate, the only form a sender may use. What the form
/// has no year for (before 0001, after 9999) becomes the nearest second that it has.
DateText format_date(std::int64_t seconds);

/// Any of the three forms that a recipient must accept: IMF-fixdate, RFC 850 and asctime(3). The
/// two digits of RFC 850 mean 1970 to 2069. Nothing if it is none of them, to the letter, or no
/// date of the calendar; that the day of the week is the right one is not asked for.
std::optional<std::int64_t> parse_date(std::string_view text);

}  // namespace tocsin::http
