// SPDX-License-Identifier: MIT
//
// Waking on Tocsin whose loops sleep at once: what a wake-up takes that finds its loop asleep.
#include "bench/wake/tocsin.hpp"

int main(int argc, char** argv) { return wake::measure_wake<wake::Tocsin<false>>(argc, argv); }
