// SPDX-License-Identifier: MIT
//
// plot: rows as pictures, by gnuplot(1).
//
//     rows ──> [ plot ] ──> gnuplot ──> FILE.svg
//
// Rows of one group and one unit share a picture, one below the other in one file. Where a name has
// several n, each name is a line over n, both axes logarithmic; elsewhere each row is a bar. The
// error bars are the mean and one standard deviation to both sides, but not below the least sample.
//
// Thread rule: the main thread.
#pragma once

#include <expected>
#include <span>
#include <string>

#include "cli/bench/row.hpp"

namespace tocsin::bench {

/// Whether `file` could be drawn: gnuplot is there, and the file can be written (it is made, if it
/// was not there). Fails with one line that says what is missing. Ask before measuring.
std::expected<void, std::string> can_plot(const std::string& file);

/// Draws those of `rows` that were measured. Fails with one line if gnuplot does, or if there is
/// nothing to draw.
std::expected<void, std::string> plot(std::span<const Row> rows, const std::string& file);

/// What gnuplot is told; for whoever wants to draw it otherwise.
std::string script_of(std::span<const Row> rows, const std::string& file);

}  // namespace tocsin::bench
