// SPDX-License-Identifier: MIT
#include "cli/watch_report.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "tocsin/source/child.hpp"

namespace tocsin::cli {
namespace {

bool is_plain(char byte) {
  return byte > ' ' && byte != '"' && byte != '\\' && byte != '\x7f' && (byte & 0x80) == 0;
}

// Bytes that are no UTF-8 become U+FFFD: the line is for people and JSON readers.
std::string escaped(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// TOCSIN_PATH of "path".
std::string variable_of(std::string_view name) {
  std::string variable = "TOCSIN_";
  for (const char letter : name)
    variable += 'a' <= letter && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
  return variable;
}

// Ours, and the event. A NUL ends a string there: what comes after it is not seen.
std::vector<std::string> environment_of(const WatchEvent& event) {
  std::vector<std::string> all;
  for (char** variable = environ; *variable != nullptr; ++variable) all.emplace_back(*variable);
  all.push_back(variable_of("what") + "=" + event.what);
  all.push_back(variable_of("event") + "=" + event.event);
  for (const auto& [name, value] : event.fields) all.push_back(variable_of(name) + "=" + value);
  return all;
}

}  // namespace

std::string one_word(std::string_view text) {
  if (!text.empty() && std::ranges::all_of(text, is_plain)) return std::string(text);
  return escaped(text);
}

Task<> WatchReport::tell(WatchEvent event) {
  const auto turn = co_await one_at_a_time_.acquire();
  if (!turn || ended_ != End::none) co_return;
  print(event);
  if (ended_ == End::none && !style_.command.empty()) co_await execute(event);
  if (ended_ == End::none && ++told_ == style_.count) end(End::counted);
}

Task<> WatchReport::execute(const WatchEvent& event) {
  auto child = Child::spawn(loop_, {.arguments = {"/bin/sh", "-c", style_.command},
                                    .environment = environment_of(event)});
  if (!child) {
    fmt::print(err_, "tocsin: /bin/sh: {}\n", child.error().message());
    co_return;
  }
  const auto status = co_await child->exited();
  // A command that fails is its own business, and has said so; the next event is another.
  static_cast<void>(status);
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
  if (std::fflush(out_) == 0) return;
  if (const Errno error{errno}; error != Errno{EPIPE}) {
    fmt::print(err_, "tocsin: the output cannot be written: {}\n", error.message());
    return end(End::unwritten);
  }
  closed();
}

void WatchReport::end(End how) {
  if (ended_ != End::none) return;
  ended_ = how;
  if (watchers_ != nullptr) watchers_->cancel();
}

}  // namespace tocsin::cli
