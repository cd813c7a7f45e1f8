// SPDX-License-Identifier: MIT
//
// fdinfo as it can be compared: what a kind adds to it, without what names a machine's own things.
//
// Thread rule: any thread.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace tocsin::differential {

/// Of the text of /proc/self/fdinfo/N (proc(5)): its lines, sorted, without those that every kind
/// has, without inode and device numbers, and without ids that the kernel draws.
inline std::string comparable_fdinfo(std::string_view text) {
  constexpr std::array left_out{"pos:",     "flags:",    "mnt_id:", "ino:",  "eventfd-id:",
                                "scm_fds:", "it_value:", "Pid:",    "NSpid:"};
  constexpr std::array<std::string_view, 2> cut_at{"  pos:", " ino:"};
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.size(), text.find('\n'));
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    const auto starts = [line](const char* prefix) { return line.starts_with(prefix); };
    if (line.empty() || std::ranges::any_of(left_out, starts)) continue;
    for (const std::string_view mark : cut_at) line = line.substr(0, line.find(mark));
    lines.emplace_back(line);
  }
  std::ranges::sort(lines);
  std::string whole;
  for (const std::string& line : lines) whole += line + '\n';
  return whole;
}

}  // namespace tocsin::differential
