// SPDX-License-Identifier: MIT
//
// Prng: random numbers that are the same for the same seed, on every machine, for ever.
//
// The standard library's engines are portable but its distributions are not; a seed that a test
// printed must replay the same run elsewhere. The generator is xoshiro256** (Blackman and Vigna,
// "Scrambled linear pseudorandom number generators", 2018), seeded by splitmix64. Not for secrets.
//
// Thread rule: one thread at a time; give each its own seed.
#pragma once

#include <array>
#include <cstdint>

namespace tocsin {

class Prng {
 public:
  /// Every seed gives a good sequence, 0 included.
  explicit Prng(std::uint64_t seed);

  /// The next 64 bits, all of them random.
  std::uint64_t next();

  /// A number in [0, bound), each equally likely. Requires: `bound` > 0.
  std::uint64_t below(std::uint64_t bound);

  /// True `numerator` times out of `denominator`. Requires: `denominator` > 0.
  bool chance(std::uint64_t numerator, std::uint64_t denominator);

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace tocsin
