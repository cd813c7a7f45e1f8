// SPDX-License-Identifier: MIT
#include "tocsin/base/prng.hpp"

#include <bit>

#include "tocsin/base/check.hpp"

namespace tocsin {
namespace {

std::uint64_t splitmix64(std::uint64_t& state) {
  std::uint64_t mixed = state += 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

}  // namespace

Prng::Prng(std::uint64_t seed) : state_{} {
  for (std::uint64_t& word : state_) word = splitmix64(seed);
}

std::uint64_t Prng::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Prng::below(std::uint64_t bound) {
  CHECK(bound > 0, "there is no number below zero");
  std::uint64_t drawn = next();
  // Numbers from the incomplete last block would favour the small results: draw again instead. How
  // many those are takes a division; fewer than `bound`, so that it is hardly ever made.
  if (drawn < bound) [[unlikely]] {
    const std::uint64_t unfair = (0 - bound) % bound;
    while (drawn < unfair) drawn = next();
  }
  return drawn % bound;
}

bool Prng::chance(std::uint64_t numerator, std::uint64_t denominator) {
  return below(denominator) < numerator;
}

}  // namespace tocsin
