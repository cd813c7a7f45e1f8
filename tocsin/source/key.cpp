// SPDX-License-Identifier: MIT
#include "tocsin/source/key.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

namespace tocsin {
namespace {

using Name = Key::Name;

constexpr char32_t replacement = 0xFFFD;
constexpr char escape = '\x1b';
// No sequence of a known key is longer; what is, is no sequence.
constexpr std::size_t longest_sequence = 32;

struct Final {
  char letter;
  Name name;
};
// CSI letter, and SS3 letter.
constexpr std::array finals{Final{'A', Name::up},   Final{'B', Name::down}, Final{'C', Name::right},
                            Final{'D', Name::left}, Final{'H', Name::home}, Final{'F', Name::end},
                            Final{'P', Name::f1},   Final{'Q', Name::f2},   Final{'R', Name::f3},
                            Final{'S', Name::f4},   Final{'M', Name::enter}};

struct Number {
  int number;
  Name name;
};
// CSI number ~
constexpr std::array numbers{
    Number{1, Name::home}, Number{2, Name::insert},  Number{3, Name::remove},
    Number{4, Name::end},  Number{5, Name::page_up}, Number{6, Name::page_down},
    Number{7, Name::home}, Number{8, Name::end},     Number{11, Name::f1},
    Number{12, Name::f2},  Number{13, Name::f3},     Number{14, Name::f4},
    Number{15, Name::f5},  Number{17, Name::f6},     Number{18, Name::f7},
    Number{19, Name::f8},  Number{20, Name::f9},     Number{21, Name::f10},
    Number{23, Name::f11}, Number{24, Name::f12}};

constexpr std::array<std::string_view, 28> words{
    "character", "enter", "tab",  "backspace", "escape", "up",     "down",
    "right",     "left",  "home", "end",       "insert", "delete", "page up",
    "page down", "f1",    "f2",   "f3",        "f4",     "f5",     "f6",
    "f7",        "f8",    "f9",   "f10",       "f11",    "f12",    "unknown"};
static_assert(words.size() == static_cast<std::size_t>(Name::unknown) + 1);

Name final_name(char letter) {
  const auto found = std::ranges::find(finals, letter, &Final::letter);
  return found == finals.end() ? Name::unknown : found->name;
}

Name number_name(int number) {
  const auto found = std::ranges::find(numbers, number, &Number::number);
  return found == numbers.end() ? Name::unknown : found->name;
}

int number_at_front(std::string_view& text) {
  int number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  return number;
}

// What is between "ESC [" and the letter: "", "5", "1;2".
Key key_of_sequence(std::string_view parameters, char letter) {
  const int first = number_at_front(parameters);
  int modifiers = 0;  // Shift 1, Alt 2, Ctrl 4; sent with one added.
  if (parameters.starts_with(';')) {
    parameters.remove_prefix(1);
    modifiers = std::max(number_at_front(parameters) - 1, 0);
  }
  Key key{.name = letter == '~' ? number_name(first) : final_name(letter)};
  if (letter == 'Z') key = {.name = Name::tab, .shift = true};
  if (!parameters.empty()) key.name = Name::unknown;
  if (key.name == Name::unknown) return {};
  key.shift = key.shift || (modifiers & 1) != 0;
  key.alt = (modifiers & 2) != 0;
  key.ctrl = (modifiers & 4) != 0;
  return key;
}

Key key_of_control(char byte) {
  switch (byte) {
    case '\r':
    case '\n':
      return {.name = Name::enter};
    case '\t':
      return {.name = Name::tab};
    case '\b':
    case '\x7f':
      return {.name = Name::backspace};
    case '\0':
      return {.name = Name::character, .character = ' ', .ctrl = true};
    default:
      break;
  }
  // Ctrl takes bits away from a letter, or from one of [\]^_.
  const char32_t letter = static_cast<unsigned char>(byte) | (byte <= 26 ? 0x60U : 0x40U);
  return {.name = Name::character, .character = letter, .ctrl = true};
}

Key key_of_character(char32_t character) {
  return {.name = Name::character, .character = character};
}

// How many bytes a character has that begins so; 0: none does.
std::size_t utf8_length(unsigned char first) {
  const int ones = std::countl_one(first);
  if (ones == 0) return 1;
  return ones >= 2 && ones <= 4 ? static_cast<std::size_t>(ones) : 0;
}

void append_utf8(std::string& text, char32_t character) {
  const auto put = [&](char32_t bits) { text += static_cast<char>(bits); };
  if (character < 0x80) return put(character);
  if (character < 0x800) {
    put(0xC0 | character >> 6);
  } else if (character < 0x10000) {
    put(0xE0 | character >> 12);
    put(0x80 | (character >> 6 & 0x3F));
  } else {
    put(0xF0 | character >> 18);
    put(0x80 | (character >> 12 & 0x3F));
    put(0x80 | (character >> 6 & 0x3F));
  }
  put(0x80 | (character & 0x3F));
}

// The character of `bytes`, which are as many as its first one says; no other spelling of it, and
// no half of a pair, passes for one (utf-8(7), "Security").
char32_t utf8_character(std::string_view bytes) {
  char32_t character = static_cast<unsigned char>(bytes[0]);
  if (bytes.size() > 1) character &= 0x7FU >> bytes.size();
  for (const char byte : bytes.substr(1)) {
    if ((byte & 0xC0) != 0x80) return replacement;
    character = character << 6 | (static_cast<unsigned char>(byte) & 0x3F);
  }
  std::string again;
  append_utf8(again, character);
  const bool is_surrogate = character >= 0xD800 && character < 0xE000;
  return again == bytes && character < 0x110000 && !is_surrogate ? character : replacement;
}

}  // namespace

std::string to_string(const Key& key) {
  std::string text;
  if (key.ctrl) text += "ctrl+";
  if (key.alt) text += "alt+";
  if (key.shift) text += "shift+";
  if (key.name != Name::character) return text.append(words[static_cast<std::size_t>(key.name)]);
  if (key.character == ' ') return text.append("space");
  append_utf8(text, key.character);
  return text;
}

std::optional<Key> KeyDecoder::next() {
  if (bytes_.empty()) {
    given_up_ = false;
    return std::nullopt;
  }
  const Part part = first_of(bytes_);
  if (part.length == 0) return std::nullopt;
  bytes_.erase(0, part.length);
  return part.key;
}

KeyDecoder::Part KeyDecoder::first_of(std::string_view bytes) const {
  const char first = bytes.front();
  if (first == escape) return escaped(bytes);
  if (static_cast<unsigned char>(first) < 0x20 || first == '\x7f')
    return {1, key_of_control(first)};
  const std::size_t length = utf8_length(static_cast<unsigned char>(first));
  if (length == 0) return {1, key_of_character(replacement)};
  if (bytes.size() < length && !given_up_) {
    const bool may_follow =
        std::ranges::all_of(bytes.substr(1), [](char byte) { return (byte & 0xC0) == 0x80; });
    if (may_follow) return {};
  }
  if (bytes.size() < length) return {1, key_of_character(replacement)};
  const char32_t character = utf8_character(bytes.substr(0, length));
  return {character == replacement ? 1 : length, key_of_character(character)};
}

// Requires: it begins with ESC.
KeyDecoder::Part KeyDecoder::escaped(std::string_view bytes) const {
  const Part alone{1, {.name = Name::escape}};
  if (bytes.size() == 1) return given_up_ ? alone : Part{};
  if (bytes[1] == escape) return alone;  // The second one may begin something.
  if (bytes[1] != '[' && bytes[1] != 'O') {
    Part part = first_of(bytes.substr(1));
    if (part.length == 0) return {};
    part.key.alt = true;
    return {part.length + 1, part.key};
  }
  std::size_t end = 2;  // Of the letter in which it ends; parameters are below '@'.
  if (bytes[1] == '[' && bytes.substr(2).starts_with('[')) end = 3;  // F1 of the Linux console.
  const std::size_t begin = end;
  while (end < bytes.size() && bytes[end] >= ' ' && bytes[end] < '@') ++end;
  if (end < bytes.size() && bytes[end] >= '@' && bytes[end] <= '~') {
    if (begin == 2) return {end + 1, key_of_sequence(bytes.substr(2, end - 2), bytes[end])};
    const int number = bytes[end] - 'A' + 11;  // A to E are F1 to F5.
    return {end + 1, {.name = number <= 15 ? number_name(number) : Name::unknown}};
  }
  const bool can_go_on = end == bytes.size() && bytes.size() < longest_sequence;
  if (can_go_on && !given_up_) return {};
  if (bytes.size() == 2)
    return {
        2,
        {.name = Name::character, .character = static_cast<unsigned char>(bytes[1]), .alt = true}};
  return {end, {}};
}

}  // namespace tocsin
