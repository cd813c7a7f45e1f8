// SPDX-License-Identifier: MIT
#include "tocsin/http/conditional.hpp"

#include <algorithm>
#include <limits>

#include "tocsin/http/date.hpp"

namespace tocsin::http {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes the digits at the front of `text` off; too many mean "as far as there is". Nothing if
// there is none.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  std::uint64_t value = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    const auto digit = static_cast<std::uint64_t>(text.front() - '0');
    value = value > (most - digit) / 10 ? most : value * 10 + digit;
    text.remove_prefix(1);
  }
  return value;
}

constexpr RangeChoice whole{RangeVerdict::whole};
constexpr RangeChoice unsatisfiable{RangeVerdict::unsatisfiable};

// "-500": the last 500 bytes.
RangeChoice select_suffix(std::string_view spec, std::uint64_t size) {
  const auto length = take_number(spec);
  if (!length || !spec.empty()) return whole;
  if (*length == 0 || size == 0) return unsatisfiable;
  return {RangeVerdict::part, {size - std::min(*length, size), size - 1}};
}

// "500-999" or "500-".
RangeChoice select_from(std::string_view spec, std::uint64_t size) {
  const auto first = take_number(spec);
  if (!first || !spec.starts_with('-')) return whole;
  spec.remove_prefix(1);
  std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  if (!spec.empty()) {
    const auto given = take_number(spec);
    if (!given || !spec.empty() || *given < *first) return whole;
    last = *given;
  }
  if (*first >= size) return unsatisfiable;
  return {RangeVerdict::part, {*first, std::min(last, size - 1)}};
}

// Whether the file has not changed after the date in the field; nothing if it cannot be said.
std::optional<bool> unmodified_since(std::string_view field, const Validators& file) {
  if (field.empty() || !file.modified) return std::nullopt;
  const auto date = parse_date(field);
  if (!date) return std::nullopt;
  return *file.modified <= *date;
}

}  // namespace

bool has_tag(std::string_view list, std::string_view tag, bool weak) {
  if (trim(list) == "*") return true;
  while (true) {
    list = trim(list);
    while (list.starts_with(',')) list = trim(list.substr(1));
    const bool is_weak = list.starts_with("W/");
    if (is_weak) list.remove_prefix(2);
    if (!list.starts_with('"')) return false;  // The end, or no list of tags.
    const auto end = list.find('"', 1);
    if (end == list.npos) return false;
    if (list.substr(0, end + 1) == tag && (weak || !is_weak)) return true;
    list.remove_prefix(end + 1);
  }
}

Verdict evaluate(const Conditions& conditions, const Validators& file) {
  if (!conditions.if_match.empty()) {
    if (!has_tag(conditions.if_match, file.tag, false)) return Verdict::failed;
  } else if (unmodified_since(conditions.if_unmodified_since, file) == false) {
    return Verdict::failed;
  }
  if (!conditions.if_none_match.empty())
    return has_tag(conditions.if_none_match, file.tag, true) ? Verdict::not_modified
                                                             : Verdict::send;
  return unmodified_since(conditions.if_modified_since, file) == true ? Verdict::not_modified
                                                                      : Verdict::send;
}

RangeChoice select_range(std::string_view range, std::uint64_t size) {
  constexpr std::string_view unit = "bytes=";
  const auto same = [](char a, char b) { return a == b || (a >= 'A' && a <= 'Z' && a + 32 == b); };
  if (range.size() < unit.size() || !std::ranges::equal(range.substr(0, unit.size()), unit, same))
    return whole;
  const auto spec = trim(range.substr(unit.size()));
  if (spec.starts_with('-')) return select_suffix(spec.substr(1), size);
  return select_from(spec, size);
}

bool range_applies(std::string_view if_range, const Validators& file) {
  if (if_range.empty()) return true;
  if (if_range.starts_with('"') || if_range.starts_with("W/")) return if_range == file.tag;
  const auto date = parse_date(if_range);
  return date && file.modified && *date == *file.modified;
}

}  // namespace tocsin::http
