// SPDX-License-Identifier: MIT
#include "tocsin/source/mounts.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <span>

namespace tocsin {
namespace {

// Up to the next blank, which goes too.
std::string_view take_field(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view field = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return field;
}

int take_number(std::string_view& line) {
  const std::string_view field = take_field(line);
  int number = -1;
  std::from_chars(field.data(), field.data() + field.size(), number);
  return number;
}

bool is_octal(char digit) { return digit >= '0' && digit <= '7'; }

// Blank, tab, newline and backslash are written in octal: "\040" (proc(5), "/proc/pid/mountinfo").
std::string take_text(std::string_view& line) {
  const std::string_view field = take_field(line);
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    const bool escaped = field[i] == '\\' && i + 3 < field.size() &&
                         std::ranges::all_of(field.substr(i + 1, 3), is_octal);
    if (!escaped) {
      text += field[i];
      continue;
    }
    int value = 0;
    for (const char digit : field.substr(i + 1, 3)) value = value * 8 + (digit - '0');
    text += static_cast<char>(value);
    i += 3;
  }
  return text;
}

std::optional<Mount> parse_line(std::string_view line) {
  Mount mount;
  mount.id = take_number(line);
  mount.parent = take_number(line);
  take_field(line);  // The device's number.
  mount.root = take_text(line);
  mount.point = take_text(line);
  mount.options = take_text(line);
  while (!line.empty() && take_field(line) != "-") continue;  // "zero or more optional fields"
  mount.type = take_text(line);
  mount.source = take_text(line);
  mount.super_options = take_text(line);
  if (mount.id < 0 || mount.type.empty()) return std::nullopt;
  return mount;
}

std::map<int, const Mount*> by_id(const std::vector<Mount>& mounts) {
  std::map<int, const Mount*> found;
  for (const Mount& mount : mounts) found.emplace(mount.id, &mount);
  return found;
}

}  // namespace

std::vector<Mount> parse_mountinfo(std::string_view text) {
  std::vector<Mount> mounts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (auto mount = parse_line(text.substr(0, end))) mounts.push_back(std::move(*mount));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return mounts;
}

std::vector<MountChange> changes_between(const std::vector<Mount>& before,
                                         const std::vector<Mount>& after) {
  using enum MountChange::Kind;
  std::vector<MountChange> changes;
  const auto old_ones = by_id(before);
  const auto new_ones = by_id(after);
  for (const Mount& mount : before)
    if (!new_ones.contains(mount.id)) changes.push_back({removed, mount});
  for (const Mount& mount : after) {
    const auto old = old_ones.find(mount.id);
    if (old == old_ones.end())
      changes.push_back({added, mount});
    else if (mount != *old->second)
      changes.push_back({changed, mount});
  }
  return changes;
}

Result<Mounts> Mounts::create(Loop& loop, std::source_location where) {
  // Not "mounts": that one has no ids. And not "self" where a thread has a namespace of its own.
  auto file =
      internal::ChangingFile::open(loop, "/proc/thread-self/mountinfo", "", "mounts", where);
  if (!file) return std::unexpected(file.error());
  const auto text = file->read_all();
  if (!text) return std::unexpected(text.error());
  return Mounts(std::move(*file), parse_mountinfo(*text));
}

Task<Result<std::vector<MountChange>>> Mounts::next() {
  while (true) {
    const auto ready = co_await file_.changed();
    if (!ready) co_return std::unexpected(ready.error());
    const auto text = file_.read_all();
    if (!text) co_return std::unexpected(text.error());
    auto now = parse_mountinfo(*text);
    auto changes = changes_between(mounts_, now);
    mounts_ = std::move(now);
    if (!changes.empty()) co_return changes;
  }
}

}  // namespace tocsin
