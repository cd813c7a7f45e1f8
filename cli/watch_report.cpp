// SPDX-License-Identifier: MIT
#include "cli/watch_report.hpp"

#include <time.h>

#include <algorithm>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace tocsin::cli {
namespace {

bool is_plain(char byte) {
  return byte > ' ' && byte != '"' && byte != '\\' && byte != '\x7f' && (byte & 0x80) == 0;
}

// Bytes that are no UTF-8 become U+FFFD: the line is for people and JSON readers.
std::string escaped(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string one_word(std::string_view text) {
  if (!text.empty() && std::ranges::all_of(text, is_plain)) return std::string(text);
  return escaped(text);
}

Task<> WatchReport::tell(WatchEvent event) {
  if (ended_ != End::none) co_return;
  print(event);
  if (ended_ == End::none && ++told_ == style_.count) end(End::counted);
}

void WatchReport::print(const WatchEvent& event) {
  if (style_.json) {
    nlohmann::ordered_json line{{"what", event.what}, {"event", event.event}};
    if (const auto now = loop_.kernel().clock_gettime(CLOCK_REALTIME))
      line["time"] = static_cast<double>(now->tv_sec) + static_cast<double>(now->tv_nsec) / 1e9;
    for (const auto& [name, value] : event.fields) line[name] = value;
    fmt::print(out_, "{}\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    std::string line = one_word(event.what) + " " + event.event;
    for (const auto& [name, value] : event.fields) line += " " + name + "=" + one_word(value);
    fmt::print(out_, "{}\n", line);
  }
  if (std::fflush(out_) != 0) closed();
}

void WatchReport::end(End how) {
  if (ended_ != End::none) return;
  ended_ = how;
  scope_.cancel();
}

}  // namespace tocsin::cli
