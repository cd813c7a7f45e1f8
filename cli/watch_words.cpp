// SPDX-License-Identifier: MIT
#include "cli/watch_words.hpp"

#include <array>
#include <charconv>
#include <chrono>

namespace tocsin::cli {
namespace {

struct Unit {
  std::string_view name;
  double seconds;
};
constexpr std::array units{Unit{"", 1},   Unit{"us", 1e-6}, Unit{"ms", 1e-3}, Unit{"s", 1},
                           Unit{"m", 60}, Unit{"h", 3600},  Unit{"d", 86'400}};

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view name(end, text.data() + text.size());
  for (const Unit& unit : units) {
    const double seconds = number * unit.seconds;
    if (unit.name == name && seconds >= 1e-6 && seconds < 100 * 365 * 86'400.)
      return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  }
  return std::nullopt;
}

std::string text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string host_of(const Address& address) {
  const std::string text = address.text();
  const std::string host = text.substr(0, text.rfind(':'));
  return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
}

}  // namespace tocsin::cli
