// SPDX-License-Identifier: MIT
#include "tests/differential/op_text.hpp"

#include <algorithm>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <optional>

namespace tocsin::differential {
namespace {

std::string hexadecimal(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%" PRIx64, value);
  return text;
}

std::string bits_to_text(const Operand& operand, std::int64_t value) {
  std::string text;
  auto rest = static_cast<std::uint64_t>(value);
  for (const Name& name : operand.names) {
    const auto mask = static_cast<std::uint64_t>(name.value);
    if (mask == 0 || (rest & mask) != mask) continue;
    if (!text.empty()) text += '|';
    text += name.text;
    rest &= ~mask;
  }
  if (rest == 0 && !text.empty()) return text;
  if (rest == 0) return "0";
  return text.empty() ? hexadecimal(rest) : text + '|' + hexadecimal(rest);
}

std::string number_to_text(const Operand& operand, std::int64_t value) {
  for (const Name& name : operand.names)
    if (name.value == value) return name.text;
  return std::to_string(value);
}

std::string set_to_text(std::int64_t value) {
  std::string text = "{";
  for (std::size_t i = 0; i < slots; ++i) {
    if (((value >> i) & 1) == 0) continue;
    if (text.size() > 1) text += ',';
    text += 'f' + std::to_string(i);
  }
  return text + '}';
}

std::string to_text(const Operand& operand, std::int64_t value) {
  switch (operand.shape) {
    case Shape::slot:
      return 'f' + std::to_string(value);
    case Shape::new_slot:
      return ">f" + std::to_string(value);
    case Shape::slot_set:
      return set_to_text(value);
    case Shape::number:
      return number_to_text(operand, value);
    case Shape::bits:
      return bits_to_text(operand, value);
  }
  return {};
}

// Reading: each takes what it understands off the front of `text`.

bool skip(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  const bool negative = skip(text, "-");
  const int base = skip(text, "0x") ? 16 : 10;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return static_cast<std::int64_t>(negative ? ~value + 1 : value);
}

std::optional<std::int64_t> parse_slot(std::string_view text) {
  if (!skip(text, "f")) return std::nullopt;
  const auto value = parse_number(text);
  if (!value || *value < 0 || *value >= static_cast<std::int64_t>(slots)) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_set(std::string_view text) {
  if (!skip(text, "{") || !text.ends_with('}')) return std::nullopt;
  text.remove_suffix(1);
  std::int64_t set = 0;
  while (!text.empty()) {
    const std::size_t length = std::min(text.size(), text.find(','));
    const auto one = parse_slot(text.substr(0, length));
    if (!one) return std::nullopt;
    set |= std::int64_t{1} << *one;
    text.remove_prefix(length);
    if (!text.empty() && (!skip(text, ",") || text.empty())) return std::nullopt;
  }
  return set;
}

std::optional<std::int64_t> parse_name(const Operand& operand, std::string_view text) {
  for (const Name& name : operand.names)
    if (name.text == text) return name.value;
  return parse_number(text);
}

std::optional<std::int64_t> parse_bits(const Operand& operand, std::string_view text) {
  std::int64_t value = operand.always;
  while (true) {
    const std::size_t end = text.find('|');
    const auto one = parse_name(operand, text.substr(0, end));
    if (!one) return std::nullopt;
    value |= *one;
    if (end == std::string_view::npos) return value;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::int64_t> parse_value(const Operand& operand, std::string_view text) {
  switch (operand.shape) {
    case Shape::slot:
      return parse_slot(text);
    case Shape::new_slot:
      return skip(text, ">") ? parse_slot(text) : std::nullopt;
    case Shape::slot_set:
      return parse_set(text);
    case Shape::number:
      return parse_name(operand, text);
    case Shape::bits:
      return parse_bits(operand, text);
  }
  return std::nullopt;
}

std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t\r")));
  const std::size_t length = std::min(line.size(), line.find_first_of(" \t\r"));
  const std::string_view word = line.substr(0, length);
  line.remove_prefix(length);
  return word;
}

// One op; none, and why, if it is not one.
std::optional<Op> parse_op(std::string_view line, std::string& error) {
  const std::string_view name = next_word(line);
  Op op{.spec = find_op(name)};
  if (op.spec == nullptr) {
    error = "no such operation: " + std::string(name);
    return std::nullopt;
  }
  for (std::size_t i = 0; i < op.spec->operands.size(); ++i) {
    const std::string_view word = next_word(line);
    const auto value = parse_value(op.spec->operands[i], word);
    if (!value) {
      error = "operand " + std::to_string(i + 1) + " of " + op.spec->name +
              " cannot be: " + std::string(word);
      return std::nullopt;
    }
    op.values[i] = *value;
  }
  if (!next_word(line).empty()) {
    error = "more words than operands";
    return std::nullopt;
  }
  return op;
}

}  // namespace

std::string to_text(const Op& op) {
  std::string text = op.spec->name;
  for (std::size_t i = 0; i < op.spec->operands.size(); ++i)
    text += ' ' + to_text(op.spec->operands[i], op.values[i]);
  return text;
}

std::string to_text(const Sequence& sequence) {
  std::string text;
  for (const Op& op : sequence) text += to_text(op) + '\n';
  return text;
}

std::string to_c(const Operand& operand, std::int64_t value) {
  switch (operand.shape) {
    case Shape::slot:
      return "f[" + std::to_string(value) + ']';
    case Shape::new_slot:
      return "&f[" + std::to_string(value) + ']';
    case Shape::slot_set:
      return hexadecimal(static_cast<std::uint64_t>(value));
    case Shape::bits:
      return bits_to_text(operand, value);
    case Shape::number:
      break;
  }
  const std::string text = number_to_text(operand, value);
  return value == INT64_MIN ? "(-9223372036854775807LL - 1)" : text;
}

Parsed parse(std::string_view text) {
  Parsed parsed;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.size(), text.find('\n'));
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    line = line.substr(0, line.find('#'));
    std::string_view rest = line;
    if (next_word(rest).empty()) continue;
    const auto op = parse_op(line, parsed.error);
    if (!op) {
      parsed.error = "line " + std::to_string(number) + ": " + parsed.error;
      return parsed;
    }
    parsed.sequence.push_back(*op);
  }
  return parsed;
}

}  // namespace tocsin::differential
