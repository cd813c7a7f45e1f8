// SPDX-License-Identifier: MIT
//
// generate: a sequence from a seed.
//
// Each seed draws first what it will be about: which kinds, which operations, which bits, how many
// slots, how long; everything else is left out of it. Such a narrow sequence gets deeper than one
// that does a little of everything ("swarm testing"). Values come from pools of those at which
// something changes; slots are chosen by what they hold, and sometimes not.
//
// Thread rule: any thread.
#pragma once

#include <cstdint>

#include "tests/differential/op.hpp"

namespace tocsin::differential {

/// The same for the same seed and `present`, the kinds to choose from. What only one
/// tier has, every sequence has if it is among them.
Sequence generate(std::uint64_t seed, std::uint32_t present);

}  // namespace tocsin::differential
