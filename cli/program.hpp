// SPDX-License-Identifier: MIT
//
// The program `tocsin`: arguments in, calls out.
//
//     main ──> [ run_program ] ──> a subcommand (serve.hpp) ──> exit status
//
// What can be wrong with arguments is said in one line that names it and the way out.
//
// Thread rule: the main thread, before others are started.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace tocsin::cli {

/// Exit statuses. Of a signal that ends the program gracefully: `success`.
inline constexpr int success = 0;
inline constexpr int failed = 1;       // Something broke while it ran.
inline constexpr int not_started = 2;  // It could not begin: arguments, folder, port.

/// Runs what `arguments` (without the program's name) ask for and answers the exit status. What is
/// asked for goes to `out`, complaints to `err`; both stay the caller's.
int run_program(std::vector<std::string> arguments, std::FILE* out, std::FILE* err);

}  // namespace tocsin::cli
