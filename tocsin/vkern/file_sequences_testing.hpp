// SPDX-License-Identifier: MIT
//
// FileOp: random sequences of calls on files, for inotify_differential_test.cpp: on few names, so
// that they meet.
//
//     seed ──generate──> FileOp[] ──> Replay, on two kernels
//
// A sequence has a character: some kinds of ops never come in it.
//
// Thread rule: any thread.
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "tocsin/base/prng.hpp"

namespace tocsin::vkern::file_sequences {

enum class Kind {
  open,
  open_beneath,
  close,
  read,
  write,
  read_at,
  read_pieces,
  write_at,
  truncate,
  send,
  make_directory,
  make_node,
  make_link,
  remove,
  rename,
  change_mode,
  set_times,
  status,
  watch,
  unwatch,
  events,
  unread,
  wait,
  poll,
};
inline constexpr std::size_t kinds = 24;
inline constexpr std::array<const char*, kinds> names{
    "open",      "open_beneath", "close",     "read",     "write",     "read_at",
    "pieces",    "write_at",     "ftrunc",    "sendfile", "mkdirat",   "mknodat",
    "symlinkat", "unlink",       "renameat2", "chmod",    "utimensat", "statx",
    "add_watch", "rm_watch",     "events",    "FIONREAD", "wait",      "poll"};
inline constexpr std::array<std::uint64_t, kinds> weights{
    90, 15, 70, 25, 30, 15, 15, 15, 20, 20, 40, 40, 60, 60, 60, 20, 10, 20, 90, 15, 60, 15, 40, 15};

inline constexpr std::array paths{"a",      "a",    "b",       "d",   "d",        "d/a",
                                  "d/b",    "e",    "e/a",     "d/e", "d/e/a",    ".",
                                  "d/..",   "e/..", "a/",      "d/",  "d/../a",   "a/a",
                                  "nope/a", "d/.",  "//d///a", "",    "d/e/../a", "f"};

/// Where links lead.
inline constexpr std::array targets{"a", "a", "b", "d",    "d/",     "d/a",
                                    "e", ".", "f", "d/..", "/nope/a"};
inline constexpr std::array<std::uint64_t, 4> resolves{
    RESOLVE_BENEATH, RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};

/// One call. Descriptors are symbols: modulo how many there are.
struct Op {
  Kind kind;
  std::uint64_t fd;
  std::uint64_t path;
  std::uint64_t other;
  std::uint64_t value;
};

template <class T, std::size_t n>
T one_of(Prng& prng, const std::array<T, n>& pool) {
  return pool[prng.below(n)];
}

inline std::uint64_t value_for(Kind kind, Prng& prng) {
  constexpr std::array<std::uint64_t, 14> flags{O_RDONLY,
                                                O_RDONLY,
                                                O_RDWR,
                                                O_WRONLY,
                                                O_RDWR | O_CREAT,
                                                O_RDWR | O_CREAT,
                                                O_WRONLY | O_CREAT | O_TRUNC,
                                                O_RDWR | O_CREAT | O_EXCL,
                                                O_RDONLY | O_DIRECTORY,
                                                O_RDONLY | O_CREAT | O_DIRECTORY,
                                                O_PATH,
                                                O_RDWR | O_TRUNC,
                                                O_RDONLY | O_TRUNC,
                                                O_WRONLY | O_APPEND};
  constexpr std::array<std::uint64_t, 6> modes{0600, 0644, 0755, 0700, 0400, 0};
  constexpr std::array<std::uint64_t, 6> nodes{S_IFREG, S_IFREG, S_IFIFO, 0, S_IFDIR, S_IFMT};
  constexpr std::array<std::uint64_t, 5> rename_flags{0, 0, 0, RENAME_NOREPLACE, 1U << 5U};
  constexpr std::array<std::uint64_t, 7> rooms{15, 16, 31, 32, 64, 4096, 4096};
  switch (kind) {
    case Kind::open:
    case Kind::open_beneath:
      return one_of(prng, flags) | (prng.chance(1, 2) ? O_CLOEXEC : 0) |
             (prng.chance(1, 6) ? O_NOFOLLOW : 0);
    case Kind::change_mode:
      return one_of(prng, modes);
    case Kind::make_node:
      return one_of(prng, nodes) | 0600;
    case Kind::remove:
      return prng.chance(1, 2) ? AT_REMOVEDIR : prng.chance(1, 20) ? 1 : 0;
    case Kind::rename:
      return one_of(prng, rename_flags);
    case Kind::events:
      return one_of(prng, rooms);
    case Kind::watch: {
      std::uint64_t mask = prng.chance(1, 2) ? IN_ALL_EVENTS : prng.next() & IN_ALL_EVENTS;
      constexpr std::array<std::uint32_t, 7> how{IN_ONLYDIR,     IN_ONESHOT, IN_MASK_ADD,
                                                 IN_MASK_CREATE, IN_ISDIR,   IN_EXCL_UNLINK,
                                                 IN_DONT_FOLLOW};
      for (const std::uint32_t bit : how)
        if (prng.chance(1, 10)) mask |= bit;
      return prng.chance(1, 30) ? 1U << 20U : mask;
    }
    case Kind::wait:
      return 1;
    default:
      return prng.below(12);
  }
}

inline std::vector<Op> generate(std::uint64_t seed) {
  Prng prng(seed);
  auto chosen = weights;
  for (std::uint64_t& weight : chosen)
    if (prng.chance(1, 6)) weight = 0;
  chosen[static_cast<std::size_t>(Kind::watch)] += 1;
  std::uint64_t sum = 0;
  for (const std::uint64_t weight : chosen) sum += weight;
  std::vector<Op> ops;
  for (std::uint64_t left = 10 + prng.below(120); left > 0; --left) {
    std::uint64_t at = prng.below(sum);
    std::size_t kind = 0;
    while (at >= chosen[kind]) at -= chosen[kind++];
    const auto as_kind = static_cast<Kind>(kind);
    ops.push_back({.kind = as_kind,
                   .fd = prng.next(),
                   .path = prng.below(paths.size()),
                   .other = prng.below(paths.size()),
                   .value = value_for(as_kind, prng)});
  }
  return ops;
}

inline std::string tell(const Op& op) {
  std::ostringstream told;
  told << names[static_cast<std::size_t>(op.kind)] << " fd " << op.fd % 1000 << " '"
       << paths[op.path] << "' '" << paths[op.other] << "' " << std::hex << op.value;
  return told.str();
}

}  // namespace tocsin::vkern::file_sequences
