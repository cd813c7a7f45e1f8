// SPDX-License-Identifier: MIT
#include <cstdio>

#include "cli/program.hpp"

int main(int argc, char** argv) {
  return tocsin::cli::run_program({argv + 1, argv + argc}, stdout, stderr);
}
