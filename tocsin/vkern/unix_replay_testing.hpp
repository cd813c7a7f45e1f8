// SPDX-License-Identifier: MIT
//
// UnixOp, UnixReplay: calls on UNIX sockets as data, and one kernel's half of a comparison.
//
//     generated UnixOps ──> [ UnixReplay ] ──> Kernel ──> words for what it answered
//
// Ops name descriptors by symbols: the n-th that was made, modulo how many there are. Numbers are
// not shown, since the two kernels begin with different tables; nor are pids, nor the digits of
// names that the kernel chose.
//
// Ownership: it closes what it made. Thread rule: one thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "tocsin/base/prng.hpp"
#include "tocsin/kern/kernel.hpp"

namespace tocsin::vkern {

enum class UnixOpKind {
  pair,
  socket,
  close,
  dup,
  bind,
  listen,
  connect,
  accept,
  shutdown,
  send,
  send_to,
  send_files,
  receive,
  receive_message,
  write,
  read,
  get_option,
  set_option,
  names,
  ioctl,
  add,
  modify,
  remove,
  wait,
  poll,
};
inline constexpr std::size_t unix_op_kinds = 25;
/// How often each comes, in a thousand or so.
inline constexpr std::array<std::uint64_t, unix_op_kinds> unix_op_weights{
    30, 40, 50, 10, 40, 40, 60, 40, 20, 130, 50,  30, 100,
    50, 40, 40, 15, 20, 15, 20, 80, 30, 10,  150, 60};

struct UnixOp {
  UnixOpKind kind;
  std::uint64_t fd;     // A symbol.
  std::uint64_t other;  // Another one: a descriptor, an address, an epoll, as the kind says.
  std::uint64_t value;  // A length, flags, a mask.
  std::uint64_t type;   // Of a new socket, an index.
};

// ---- words for what was answered ----------------------------------------------------------------

/// All parts as one text.
inline std::string words(const auto&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

/// A member of the pool, by any number.
template <class T, std::size_t n>
T one_of(const std::array<T, n>& pool, std::uint64_t index) {
  return pool[index % n];
}

/// Around the edges of what Linux rounds up.
inline constexpr std::array<std::size_t, 24> lengths{
    1,    0,    1,    2,    10,   100,  192,  193,  704,   705,   1024,  1728,
    1729, 3776, 3777, 4096, 4544, 8000, 2240, 2241, 16064, 16065, 40000, 90000};
/// An address as text. Names that the kernel chose have digits that say nothing.
inline std::string text_of(const char* bytes, socklen_t length, socklen_t room) {
  const std::string name(bytes, std::min(length, room));
  if (length == 8 && name.size() == 8 && name[2] == '\0') return "auto";
  std::string text = words(length, ':');
  for (const char c : name) text += c < ' ' ? '.' : c;
  return text;
}

inline std::uint32_t sum_of(std::span<const std::byte> bytes) {
  std::uint32_t sum = 0;
  for (const std::byte byte : bytes) sum = sum * 31 + std::to_integer<std::uint32_t>(byte);
  return sum;
}

class UnixReplay {
 public:
  explicit UnixReplay(Kernel& kernel);
  UnixReplay(const UnixReplay&) = delete;
  UnixReplay& operator=(const UnixReplay&) = delete;
  ~UnixReplay();

  /// Does it, and tells in words what it did and what was answered.
  std::string apply(const UnixOp& op);

 private:
  std::size_t index_of(std::uint64_t symbol) const;
  int fd_of(std::uint64_t symbol) const;
  int epoll_of(const UnixOp& op) const { return epolls_[op.other % epolls_.size()]; }
  std::string made(const Result<int>& fd);
  std::string told(const UnixOp& op, std::int64_t answer, const std::string& more = "") const;

  // Each does its kind of op.
  std::string pair(const UnixOp& op);
  std::string socket(const UnixOp& op);
  std::string close(const UnixOp& op);
  std::string dup(const UnixOp& op);
  std::string bind(const UnixOp& op);
  std::string listen(const UnixOp& op);
  std::string connect(const UnixOp& op);
  std::string accept(const UnixOp& op);
  std::string shutdown(const UnixOp& op);
  std::string send(const UnixOp& op);
  std::string send_to(const UnixOp& op);
  std::string send_files(const UnixOp& op);
  std::string receive(const UnixOp& op);
  std::string receive_message(const UnixOp& op);
  std::string control_messages(msghdr& message);
  std::string write(const UnixOp& op);
  std::string read(const UnixOp& op);
  std::string get_option(const UnixOp& op);
  std::string set_option(const UnixOp& op);
  std::string names(const UnixOp& op);
  std::string ioctl(const UnixOp& op);
  std::string control(int operation, const UnixOp& op);
  std::string wait(const UnixOp& op);
  std::string poll(const UnixOp& op);

  std::vector<std::byte> fresh_bytes(std::size_t size);

  Kernel& kernel_;
  std::vector<int> fds_;  // By symbol; -1 once closed.
  std::array<int, 2> epolls_;
  std::array<int, 2> leaf_;  // A pair: the first is sent around, the second stays.
  int counter_;              // An eventfd, sent around as well.
  unsigned char next_byte_ = 0;
};

}  // namespace tocsin::vkern
