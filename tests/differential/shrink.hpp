// SPDX-License-Identifier: MIT
//
// shrink: from a sequence that fails to a small one that fails still.
//
// First ops are left out, halves before quarters before single ones (Zeller and Hildebrandt,
// "Simplifying and isolating failure-inducing input", 2002); then values become simpler ones; then
// slots are renamed in the order of their appearance. What is left is minimal in that no single
// step of these makes it smaller.
//
// Thread rule: any thread.
#pragma once

#include <functional>

#include "tests/differential/op.hpp"

namespace tocsin::differential {

/// Requires: `fails(sequence)`. Asks `fails` no more than `most_trials` times.
Sequence shrink(Sequence sequence, const std::function<bool(const Sequence&)>& fails,
                int most_trials = 5000);

}  // namespace tocsin::differential
