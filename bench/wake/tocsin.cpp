// SPDX-License-Identifier: MIT
//
// Waking on Tocsin as it is.
#include "bench/wake/tocsin.hpp"

int main(int argc, char** argv) { return wake::measure_wake<wake::Tocsin<true>>(argc, argv); }
