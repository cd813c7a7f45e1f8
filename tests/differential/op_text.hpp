// SPDX-License-Identifier: MIT
//
// Sequences as text, one op a line: `eventfd >f1 5 EFD_NONBLOCK`. What the corpus is kept in.
//
// A slot is read as f1, set as >f1, a set of them is {f0,f2}; a number is a name or decimal; bits
// are names and a rest in hexadecimal, joined by |. Blank lines and lines after # are skipped.
//
// Thread rule: any thread.
#pragma once

#include <string>
#include <string_view>

#include "tests/differential/op.hpp"

namespace tocsin::differential {

std::string to_text(const Op& op);
std::string to_text(const Sequence& sequence);

/// One operand as C would have it: a slot as f[1], to be set as &f[1].
std::string to_c(const Operand& operand, std::int64_t value);

struct Parsed {
  Sequence sequence;
  std::string error;  // Empty if there is none; else it names the line.
};

Parsed parse(std::string_view text);

}  // namespace tocsin::differential
