// SPDX-License-Identifier: MIT
//
// Report: rows on their way to a reader: a table, JSON or CSV.
//
//     run (run.hpp) ──Row──> [ Report ] ──> stdout
//
// A table and CSV are written line by line, as the rows come; JSON is one object, at the end.
//
// Ownership: the file stays the caller's. Thread rule: one thread.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cli/bench/row.hpp"

namespace tocsin::bench {

/// What is known of a run before it begins.
struct Heading {
  std::string name;  // Of the subcommand.
  std::uint64_t seed = 0;
  std::vector<std::string> facts;  // About the machine, and what was done to it.
};

class Report {
 public:
  Report() = default;
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;
  virtual ~Report() = default;

  /// `expected` are the rows that may come, not yet measured.
  virtual void begin(const Heading& heading, std::span<const Row> expected) = 0;
  virtual void add(const Row& row) = 0;
  /// `how` says why it is not complete ("interrupted"); empty if it is.
  virtual void end(const std::string& how) = 0;
};

enum class Format : std::uint8_t { table, json, csv };
std::unique_ptr<Report> make_report(Format format, std::FILE* out);

/// Four significant digits, none of them in an exponent, and commas in what is long: "0.07312",
/// "43.7", "1,234,567".
std::string figure(double value);

/// "1,234,567", and "1234".
std::string counted(std::uint64_t number);

}  // namespace tocsin::bench
