// SPDX-License-Identifier: MIT
#include "tocsin/source/pressure.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>

namespace tocsin {
namespace {

// The number behind `name` in `line`: of "avg10=" in "some avg10=0.12 avg60=...".
template <class Number>
Number number_after(std::string_view line, std::string_view name) {
  Number number{};
  const std::size_t at = line.find(name);
  if (at != line.npos)
    std::from_chars(line.data() + at + name.size(), line.data() + line.size(), number);
  return number;
}

PressureLine parse_line(std::string_view line) {
  return {.average_10s = number_after<double>(line, "avg10="),
          .average_60s = number_after<double>(line, "avg60="),
          .average_300s = number_after<double>(line, "avg300="),
          .total = std::chrono::microseconds{number_after<std::int64_t>(line, "total=")}};
}

const char* path_of(Resource resource) {
  switch (resource) {
    case Resource::cpu:
      return "/proc/pressure/cpu";
    case Resource::memory:
      return "/proc/pressure/memory";
    case Resource::io:
      return "/proc/pressure/io";
  }
  return "";
}

std::string microseconds(Duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

}  // namespace

PressureInfo parse_pressure(std::string_view text) {
  PressureInfo info;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (line.starts_with("some ")) info.some = parse_line(line);
    if (line.starts_with("full ")) info.full = parse_line(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return info;
}

Result<Pressure> Pressure::create(Loop& loop, Resource resource, const PressureTrigger& trigger,
                                  std::source_location where) {
  return create(loop, path_of(resource), trigger, where);
}

Result<Pressure> Pressure::create(Loop& loop, const std::string& path,
                                  const PressureTrigger& trigger, std::source_location where) {
  const std::string request = std::string(trigger.full ? "full " : "some ") +
                              microseconds(trigger.stall) + ' ' + microseconds(trigger.window);
  auto file = internal::ChangingFile::open(loop, path, request, "pressure", where);
  if (!file) return std::unexpected(file.error());
  return Pressure(std::move(*file));
}

Result<PressureInfo> Pressure::now() const {
  const auto text = file_.read_all();
  if (!text) return std::unexpected(text.error());
  return parse_pressure(*text);
}

Task<Result<PressureInfo>> Pressure::next() {
  if (gone_) co_return std::unexpected(Errno{ENODEV});
  const auto ready = co_await file_.changed();
  if (!ready) co_return std::unexpected(ready.error());
  gone_ = any(*ready, Ready::error);
  if (gone_) co_return std::unexpected(Errno{ENODEV});
  co_return now();
}

}  // namespace tocsin
