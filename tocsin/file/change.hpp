// SPDX-License-Identifier: MIT
//
// Change: what happened to a file, whoever told of it.
//
//     inotify, fanotify ──> FileWatch ──> [ Change ] ──> your line after co_await
//
// Thread rule: values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tocsin/base/errno.hpp"

namespace tocsin {

/// What became of `Change::path`.
enum class ChangeKind : std::uint8_t {
  created,     // It is there now: made, linked, or found in a directory that is new.
  removed,     // It is gone, with everything below it.
  modified,    // Its bytes were written to, or cut off.
  closed,      // Whoever had opened it for writing has closed it: what was written is whole.
  attributes,  // Its mode, owner, times, links or extended attributes.
  renamed,     // It was `from` until now; what was at `path` before is gone.
  moved_in,    // It came from somewhere that is not watched; what was at `path` before is gone.
  moved_out,   // It went to somewhere that is not watched, with everything below it.
  unmounted,   // The file system it was on is gone.
  overflow,    // Changes below `path` were lost: look at the files again.
  unwatched,   // It cannot be watched, because of `error`: changes below it are not told.
};

/// The kind's own name: "created", ...
std::string_view name_of(ChangeKind kind);

struct Change {
  ChangeKind kind{};
  bool is_directory = false;
  std::string path;            // Begins with the path that is watched, as it was given.
  std::string from;            // Of `renamed` only.
  std::optional<Errno> error;  // Of `unwatched` only.
};

}  // namespace tocsin
