// SPDX-License-Identifier: MIT
//
// Conditional and partial requests (RFC 9110, 13 and 14): whether to send, and which part.
//
//     fields of the request + Validators of the file ──> [ evaluate ] ──> send, 304 or 412
//     Range, If-Range + size ──> [ select_range ] ──> all of it, one part, or 416
//
// Pure functions on views; nothing is allocated. A field that is absent is an empty view.
//
// Thread rule: any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tocsin::http {

/// What tells one state of a file from another. `tag` is a strong entity tag, quotes included.
/// `modified` is in seconds since 1970, or nothing if the time says nothing: stores that set all
/// times to the epoch (Nix, reproducible builds) would otherwise answer 304 for what has changed.
struct Validators {
  std::string_view tag;
  std::optional<std::int64_t> modified;
};

/// The fields that make a request conditional, as they were sent.
struct Conditions {
  std::string_view if_match = {};
  std::string_view if_none_match = {};
  std::string_view if_modified_since = {};
  std::string_view if_unmodified_since = {};
  std::string_view if_range = {};

  bool any() const {
    return !(if_match.empty() && if_none_match.empty() && if_modified_since.empty() &&
             if_unmodified_since.empty());
  }
};

enum class Verdict : std::uint8_t { send, not_modified, failed };

/// What to do with a GET or HEAD, by the order of precedence of RFC 9110, 13.2.2. Dates that are no
/// dates count as absent.
Verdict evaluate(const Conditions& conditions, const Validators& file);

/// Whether `list`, a comma-separated list of entity tags or "*", has `tag`. Weak comparison takes
/// no notice of W/, strong comparison finds nothing that has it (RFC 9110, 8.8.3.2).
bool has_tag(std::string_view list, std::string_view tag, bool weak);

/// A part of a file: `first` to `last`, both included.
struct ByteRange {
  std::uint64_t first;
  std::uint64_t last;
  bool operator==(const ByteRange&) const = default;
};

enum class RangeVerdict : std::uint8_t { whole, part, unsatisfiable };

struct RangeChoice {
  RangeVerdict verdict;
  ByteRange range{};  // If `part`.
};

/// Which part of `size` bytes a Range field asks for. Whole: it is absent, not understood, or asks
/// for several parts (a server may ignore it, RFC 9110, 14.2; multipart answers to a thousand small
/// ranges have been used against servers).
RangeChoice select_range(std::string_view range, std::uint64_t size);

/// Whether an If-Range field, absent or not, lets a Range count: strong comparison for a tag, the
/// very second for a date.
bool range_applies(std::string_view if_range, const Validators& file);

}  // namespace tocsin::http
