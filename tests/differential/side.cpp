// SPDX-License-Identifier: MIT
#include "tests/differential/side.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace tocsin::differential {

void Answer::clear() {
  result = 0;
  numbers.clear();
  text.clear();
}

void Answer::add_bytes(ByteView bytes) {
  std::uint64_t sum = 0;
  std::uint64_t start = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[i]);
    sum = sum * 31 + byte;
    if (i < 8) start |= byte << (8 * i);
  }
  add("start", start);
  add("sum", sum);
}

std::string to_text(const Answer& answer) {
  std::string text = "= ";
  if (answer.ok())
    text += std::to_string(answer.result);
  else
    text += Errno{static_cast<int>(-answer.result)}.name();
  for (const auto& number : answer.numbers) {
    char word[64];
    std::snprintf(word, sizeof word, " %s=0x%" PRIx64, number.label, number.value);
    text += word;
  }
  if (answer.text.empty()) return text;
  std::string line = answer.text;
  std::ranges::replace(line, '\n', ';');
  return text + " \"" + line + '"';
}

void Side::perform(const Op& op, Answer& answer) {
  answer.clear();
  op.spec->perform(*this, op.values, answer);
}

void Side::take(Answer& answer, std::int64_t slot, Result<int> made) {
  answer.take(made);
  set(slot, made.value_or(-1));
}

void Side::take(Answer& answer, std::int64_t first, std::int64_t second,
                Result<std::array<int, 2>> made) {
  answer.result = made ? 0 : -made.error().value();
  const auto fds = made.value_or(std::array{-1, -1});
  set(first, fds[0]);
  set(second, fds[1]);
  if (!made) return;
  answer.add("first", static_cast<std::uint64_t>(fds[0]));
  answer.add("second", static_cast<std::uint64_t>(fds[1]));
}

}  // namespace tocsin::differential
