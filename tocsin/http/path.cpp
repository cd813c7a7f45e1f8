// SPDX-License-Identifier: MIT
#include "tocsin/http/path.hpp"

#include <cstddef>

namespace tocsin::http {
namespace {

constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
static_assert(hex_value('7') == 7 && hex_value('f') == 15 && hex_value('F') == 15);
static_assert(hex_value('g') == -1 && hex_value('/') == -1);

constexpr bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// Builds a clean path name by name.
class Cleaner {
 public:
  explicit Cleaner(std::span<char> room) : room_(room) {}

  /// One character of a name; false if there is no room for it.
  bool put(char c) {
    if (size_ == room_.size()) return false;
    room_[size_++] = c;
    return true;
  }

  /// A '/' or the end of the path: looks at the name that ended here.
  PathVerdict end_name(bool at_slash) {
    const std::string_view name(room_.data() + begin_, size_ - begin_);
    if (name == "..") return climb();
    if (name.empty() || name == ".") {
      size_ = begin_;
      return PathVerdict::clean;
    }
    if (name.front() == '.') return PathVerdict::hidden;
    if (at_slash && !put('/')) return PathVerdict::too_long;
    begin_ = size_;
    return PathVerdict::clean;
  }

  std::string_view path() const { return {room_.data(), size_}; }

 private:
  // What lies before `begin_` ends in '/': take off the last name before it.
  PathVerdict climb() {
    if (begin_ <= 1) return PathVerdict::malformed;
    begin_ = path().substr(0, begin_ - 1).rfind('/') + 1;
    size_ = begin_;
    return PathVerdict::clean;
  }

  std::span<char> room_;
  std::size_t size_ = 0;
  std::size_t begin_ = 1;  // Of the name that is being read; before it lies a clean path.
};

}  // namespace

CleanPath clean_path(std::string_view raw, std::span<char> room) {
  if (raw.empty() || raw.front() != '/') return {PathVerdict::malformed, {}};
  Cleaner cleaner(room);
  if (!cleaner.put('/')) return {PathVerdict::too_long, {}};

  for (std::size_t i = 1; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '/') {
      if (const auto verdict = cleaner.end_name(true); verdict != PathVerdict::clean)
        return {verdict, {}};
      continue;
    }
    if (c == '%') {
      const int high = i + 2 < raw.size() ? hex_value(raw[i + 1]) : -1;
      const int low = i + 2 < raw.size() ? hex_value(raw[i + 2]) : -1;
      if (high < 0 || low < 0) return {PathVerdict::malformed, {}};
      c = static_cast<char>(high * 16 + low);
      if (c == '/') return {PathVerdict::malformed, {}};
      i += 2;
    }
    if (c == '\0' || c == '\\') return {PathVerdict::malformed, {}};
    if (!cleaner.put(c)) return {PathVerdict::too_long, {}};
  }
  if (const auto verdict = cleaner.end_name(false); verdict != PathVerdict::clean)
    return {verdict, {}};
  return {PathVerdict::clean, cleaner.path()};
}

std::string encode_path(std::string_view path) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : path) {
    if (is_unreserved(c) || c == '/') {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += digits[byte >> 4];
    encoded += digits[byte & 15];
  }
  return encoded;
}

}  // namespace tocsin::http
