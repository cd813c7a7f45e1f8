// SPDX-License-Identifier: MIT
//
// c_program: a sequence as a complete C program that performs it on the running kernel.
//
// It prints one line for each op, the op and its answer, in the words of to_text: so what it prints
// can be compared with what a report says, on any machine with a C compiler.
//
// Thread rule: any thread.
#pragma once

#include <string>

#include "tests/differential/op.hpp"

namespace tocsin::differential {

std::string c_program(const Sequence& sequence);

}  // namespace tocsin::differential
