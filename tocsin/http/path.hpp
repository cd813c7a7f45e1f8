// SPDX-License-Identifier: MIT
//
// From the path of a request's target to the name of a file below a root.
//
//     "/a/%62/../c" ──> [ clean_path ] ──> "/a/c" ──> Directory (openat2, RESOLVE_BENEATH)
//
// This is the first of two fences: what passes here names nothing above the root, nothing hidden,
// and nothing two programs could read differently; the second is the kernel's, which follows no
// link and leaves the root for nobody. Percent signs are decoded once: what is encoded twice is a
// name with a percent sign in it.
//
// Pure functions; nothing is allocated by clean_path. Thread rule: any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tocsin::http {

/// What a path was found to be.
enum class PathVerdict : std::uint8_t {
  clean,
  /// No path: it does not begin with '/', has a '%' without two digits, a NUL, a backslash (which
  /// some readers take for '/'), an encoded '/' (which is part of a name to some and ends one to
  /// others), or climbs above the root.
  malformed,
  /// A name in it begins with a dot: those are nobody's business.
  hidden,
  /// It does not fit into the room given.
  too_long,
};

struct CleanPath {
  PathVerdict verdict;
  std::string_view path;  // If clean: in the caller's room; begins with one '/'.
};

/// Decodes `raw`, drops "." and empty names, resolves "..". A '/' at the end stays: it says that a
/// directory is meant. The answer lies in `room` and is valid as long as that is.
CleanPath clean_path(std::string_view raw, std::span<char> room);

/// `path` as the target of a link: everything is percent-encoded that is not unreserved or '/'
/// (RFC 3986, 2.3). It therefore cannot end a header line or be read as an authority, provided that
/// it begins with one '/' as a clean path does.
std::string encode_path(std::string_view path);

}  // namespace tocsin::http
