// SPDX-License-Identifier: MIT
#include "tocsin/http/date.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace tocsin::http {
namespace {

using std::chrono::day;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr std::array<std::string_view, 7> weekdays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::int64_t seconds_of_day = 24 * 60 * 60;

constexpr std::int64_t seconds_at(year_month_day date) {
  return std::int64_t{sys_days(date).time_since_epoch().count()} * seconds_of_day;
}
constexpr std::int64_t earliest = seconds_at({year{1}, month{1}, day{1}});
constexpr std::int64_t latest = seconds_at({year{9999}, month{12}, day{31}}) + seconds_of_day - 1;
static_assert(latest == 253402300799);

class Writer {
 public:
  explicit Writer(char* out) : out_(out) {}
  void text(std::string_view text) { out_ = std::copy(text.begin(), text.end(), out_); }
  void digits(unsigned value, int count) {
    for (int i = count - 1; i >= 0; --i, value /= 10) out_[i] = static_cast<char>('0' + value % 10);
    out_ += count;
  }

 private:
  char* out_;
};

// Reads one form from left to right; once something is not as it must be, nothing is any more.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool text(std::string_view expected) {
    good_ = good_ && rest_.starts_with(expected);
    if (good_) rest_.remove_prefix(expected.size());
    return good_;
  }
  int digits(std::size_t count) {
    good_ = good_ && rest_.size() >= count;
    int value = 0;
    for (std::size_t i = 0; good_ && i < count; ++i) {
      good_ = rest_[i] >= '0' && rest_[i] <= '9';
      value = value * 10 + (rest_[i] - '0');
    }
    if (good_) rest_.remove_prefix(count);
    return value;
  }
  /// One of `names`, cut to `length` if that is not 0; answers its index.
  template <std::size_t n>
  unsigned name(const std::array<std::string_view, n>& names, std::size_t length = 0) {
    for (unsigned i = 0; good_ && i < n; ++i) {
      const std::string_view wanted = length == 0 ? names[i] : names[i].substr(0, length);
      if (!rest_.starts_with(wanted)) continue;
      rest_.remove_prefix(wanted.size());
      return i;
    }
    good_ = false;
    return 0;
  }
  /// asctime(3) pads the day of the month with a blank.
  int padded_day() { return rest_.starts_with(' ') && text(" ") ? digits(1) : digits(2); }
  bool ended() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

struct Parts {
  int year = 0;
  unsigned month = 0;  // From 0.
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
};

void read_time(Reader& reader, Parts& parts) {
  parts.hour = reader.digits(2);
  reader.text(":");
  parts.minute = reader.digits(2);
  reader.text(":");
  parts.second = reader.digits(2);
}

// Sun, 06 Nov 1994 08:49:37 GMT
bool read_fixdate(Reader reader, Parts& parts) {
  reader.name(weekdays, 3);
  reader.text(", ");
  parts.day = reader.digits(2);
  reader.text(" ");
  parts.month = reader.name(months);
  reader.text(" ");
  parts.year = reader.digits(4);
  reader.text(" ");
  read_time(reader, parts);
  reader.text(" GMT");
  return reader.ended();
}

// Sunday, 06-Nov-94 08:49:37 GMT
bool read_rfc850(Reader reader, Parts& parts) {
  reader.name(weekdays);
  reader.text(", ");
  parts.day = reader.digits(2);
  reader.text("-");
  parts.month = reader.name(months);
  reader.text("-");
  parts.year = reader.digits(2);
  parts.year += parts.year < 70 ? 2000 : 1900;
  reader.text(" ");
  read_time(reader, parts);
  reader.text(" GMT");
  return reader.ended();
}

// Sun Nov  6 08:49:37 1994
bool read_asctime(Reader reader, Parts& parts) {
  reader.name(weekdays, 3);
  reader.text(" ");
  parts.month = reader.name(months);
  reader.text(" ");
  parts.day = reader.padded_day();
  reader.text(" ");
  read_time(reader, parts);
  reader.text(" ");
  parts.year = reader.digits(4);
  return reader.ended();
}

}  // namespace

DateText format_date(std::int64_t seconds) {
  seconds = std::clamp(seconds, earliest, latest);
  const auto days = std::chrono::floor<std::chrono::days>(
      std::chrono::sys_seconds{std::chrono::seconds{seconds}});
  const year_month_day date(days);
  const auto of_day = static_cast<unsigned>(
      seconds - std::int64_t{days.time_since_epoch().count()} * seconds_of_day);
  DateText text;
  Writer writer(text.data());
  writer.text(weekdays[std::chrono::weekday(days).c_encoding()].substr(0, 3));
  writer.text(", ");
  writer.digits(unsigned{date.day()}, 2);
  writer.text(" ");
  writer.text(months[unsigned{date.month()} - 1]);
  writer.text(" ");
  writer.digits(static_cast<unsigned>(int{date.year()}), 4);
  writer.text(" ");
  writer.digits(of_day / 3600, 2);
  writer.text(":");
  writer.digits(of_day / 60 % 60, 2);
  writer.text(":");
  writer.digits(of_day % 60, 2);
  writer.text(" GMT");
  return text;
}

std::optional<std::int64_t> parse_date(std::string_view text) {
  Parts parts;
  if (!read_fixdate(Reader(text), parts) && !read_rfc850(Reader(text), parts) &&
      !read_asctime(Reader(text), parts))
    return std::nullopt;
  const year_month_day date(year{parts.year}, month{parts.month + 1},
                            day{static_cast<unsigned>(parts.day)});
  // 60 is a leap second, which the count of seconds since 1970 gives to the next minute.
  if (!date.ok() || parts.hour > 23 || parts.minute > 59 || parts.second > 60) return std::nullopt;
  return seconds_at(date) + std::int64_t{parts.hour} * 3600 + std::int64_t{parts.minute} * 60 +
         parts.second;
}

}  // namespace tocsin::http
