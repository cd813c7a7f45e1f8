// SPDX-License-Identifier: MIT
//
// Op, Sequence: a program of system calls as data: generated, printed, parsed, shrunk, performed.
//
//     generator ──> [ Sequence ] ──> Side (Linux) ──┐
//       corpus ──>      │       └──> Side (vkern) ──┴──> compare
//                       └──> text, C program
//
// An Op is a row of the table of operations (OpSpec) with a value for each of its operands. Nothing
// in it depends on what earlier ops answered: a descriptor is named by a *slot*, a variable that an
// op which makes a descriptor sets and that others read. So any subsequence of a sequence is a
// sequence; a slot that nobody set is -1, which both kernels refuse alike.
//
// Thread rule: values; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tocsin::differential {

class Side;
struct Answer;

/// What can be switched on and off for a run: one bit each.
enum class Kind : unsigned {
  descriptor,  // dup, close, fcntl, read, write: of every descriptor.
  wait,        // epoll, poll, select.
  event,
  pipe,
  local,  // UNIX sockets.
  signal,
  timer,
  file,  // Regular files, directories, FIFOs, inotify.
  queue,
  process,
  time,      // Timers that expire, calls that wait: tier 2.
  inet,      // TCP and UDP sockets: tier 3.
  blocking,  // Calls that block, in threads: tier 4.
  count,
};
inline constexpr auto kinds = static_cast<std::size_t>(Kind::count);
constexpr std::uint32_t bit(Kind kind) { return 1U << static_cast<unsigned>(kind); }
std::string_view name_of(Kind kind);

/// What a tier has and no other, by its number less one. In the first nothing waits and no time
/// passes.
inline constexpr std::array<std::uint32_t, 4> only_in_tier{0, bit(Kind::time), bit(Kind::inet),
                                                           bit(Kind::blocking)};
inline constexpr int tiers = static_cast<int>(only_in_tier.size());
constexpr std::uint32_t in_one_tier() {
  std::uint32_t all = 0;
  for (const std::uint32_t set : only_in_tier) all |= set;
  return all;
}
/// All that a tier has. Where there is a network, what has nothing to do with it is left out.
constexpr std::uint32_t kinds_of_tier(int tier) {
  const std::uint32_t own = only_in_tier[static_cast<std::size_t>(tier) - 1];
  if (own == bit(Kind::inet))
    return own | bit(Kind::descriptor) | bit(Kind::wait) | bit(Kind::event) | bit(Kind::pipe);
  return own | ~in_one_tier();
}

/// What a slot holds, as far as the generator knows: a set of bits, for it prefers fitting ones.
using Holds = std::uint32_t;
inline constexpr Holds any = ~0U;
inline constexpr Holds nothing = 0;
enum : Holds {
  an_epoll = 1,
  an_eventfd = 2,
  a_reader = 4,  // The ends of a pipe.
  a_writer = 8,
  a_stream = 16,  // UNIX sockets.
  a_datagram = 32,
  a_listener = 64,
  a_signalfd = 128,
  a_timerfd = 256,
  an_inotify = 512,
  a_file = 1024,
  a_queue = 2048,
  a_pidfd = 4096,
  an_inet_stream = 8192,  // TCP.
  an_inet_datagram = 16384,
  an_inet_listener = 32768,
};
inline constexpr Holds a_socket = a_stream | a_datagram | a_listener;
inline constexpr Holds an_inet = an_inet_stream | an_inet_datagram | an_inet_listener;

struct Name {
  const char* text;  // As C spells it.
  std::int64_t value;
};

/// What kind of value an operand takes.
enum class Shape {
  slot,      // Reads a slot.
  new_slot,  // Sets one.
  slot_set,  // Reads any number of them: a bit for each.
  number,    // One of a pool, by name if it has one.
  bits,      // Any of a set of named bits, and others.
};

struct Operand {
  Shape shape = Shape::number;
  Holds holds = any;                     // Of a slot: what fits, or what it will hold.
  std::span<const std::int64_t> pool{};  // Values worth trying; the first is the simplest.
  std::span<const Name> names{};         // Of values, or of bits.
  std::int64_t always = 0;               // Bits that are never left out.
  bool ends = false;                     // The slot holds nothing afterwards.
};

constexpr Operand slot(Holds holds = any) { return {.shape = Shape::slot, .holds = holds}; }
constexpr Operand ended_slot() { return {.shape = Shape::slot, .ends = true}; }
/// `holds` nothing: what the slot that is named before holds.
constexpr Operand new_slot(Holds holds) { return {.shape = Shape::new_slot, .holds = holds}; }
constexpr Operand slot_set() { return {.shape = Shape::slot_set}; }
constexpr Operand number(std::span<const std::int64_t> pool, std::span<const Name> names = {}) {
  return {.shape = Shape::number, .pool = pool, .names = names};
}
constexpr Operand bits(std::span<const Name> names, std::int64_t always = 0,
                       std::span<const std::int64_t> pool = {}) {
  return {.shape = Shape::bits, .pool = pool, .names = names, .always = always};
}

inline constexpr std::size_t most_operands = 8;
inline constexpr std::size_t slots = 8;

using Values = std::array<std::int64_t, most_operands>;

/// A weight: seldom chosen, for it changes all that follows.
inline constexpr int rare = 0;

struct OpSpec {
  const char* name;
  Kind kind;
  int weight;  // How often it is chosen, beside the others.
  std::vector<Operand> operands;
  /// Does it, on either kernel, and says what came of it.
  void (*perform)(Side& side, const Values& values, Answer& answer);
  /// A C function `do_NAME` that does the same and prints the same; slots come as int, slots to set
  /// as int *, sets of slots as unsigned, numbers as long long.
  const char* c_text;
};

struct Op {
  const OpSpec* spec;
  Values values{};

  bool operator==(const Op&) const = default;
};

using Sequence = std::vector<Op>;

/// Every operation there is, in an order that does not change within a build.
std::span<const OpSpec> all_ops();
/// Null if there is none of that name.
const OpSpec* find_op(std::string_view name);

/// The kinds that a sequence makes use of, as bits.
std::uint32_t kinds_of(const Sequence& sequence);

}  // namespace tocsin::differential
