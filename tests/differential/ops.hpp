// SPDX-License-Identifier: MIT
//
// The table of operations, by subject: one function for each file ops_*.cpp.
//
// A new operation is one entry in one of these: what it takes, what it does through a Kernel, and
// what it does in C. Nothing else has to know of it.
//
// Thread rule: any thread; buffers of operations belong to the one thread that performs sequences.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <vector>

#include "tests/differential/op.hpp"
#include "tests/differential/side.hpp"

namespace tocsin::differential {

std::vector<OpSpec> descriptor_ops();
std::vector<OpSpec> transfer_ops();
std::vector<OpSpec> event_ops();
std::vector<OpSpec> epoll_ops();
std::vector<OpSpec> poll_ops();
std::vector<OpSpec> pipe_ops();
std::vector<OpSpec> local_ops();
std::vector<OpSpec> message_ops();
std::vector<OpSpec> signal_ops();
std::vector<OpSpec> timer_ops();
std::vector<OpSpec> queue_ops();
std::vector<OpSpec> file_ops();
std::vector<OpSpec> process_ops();
std::vector<OpSpec> time_ops();
std::vector<OpSpec> inet_ops();
std::vector<OpSpec> inet_data_ops();
std::vector<OpSpec> inet_option_ops();
std::vector<OpSpec> inet_flood_ops();
std::vector<OpSpec> blocking_ops();

/// Sizes at which something changes in some buffer: pages, slots of a pipe, parts of a message.
inline constexpr std::array<std::int64_t, 22> sizes{
    8,    1,    0,    7,    9,    192,   193,   704,   705,   1728,  1729,
    3776, 3777, 4095, 4096, 4097, 16064, 16065, 36544, 36545, 65535, 65536};
inline constexpr std::size_t most_bytes = 1 << 18;

/// Which buffers there are from now on for this thread: a call that sleeps goes on with its own.
void use_buffers(std::size_t which);
inline constexpr std::size_t most_buffers = 1 + 2 * most_threads;
/// The first `count` bytes of a buffer for whatever an op reads.
MutableBytes room_for(std::int64_t count);
/// `count` bytes that tell their place, the first of which is `first`.
ByteView pattern(std::int64_t count, std::int64_t first);

/// Flags of an open without O_PATH, with which Linux makes a descriptor that hardly any call knows.
constexpr int without_path(std::int64_t flags) { return static_cast<int>(flags & ~O_PATH); }

/// An abstract name of a UNIX socket, the `which`-th of this process.
class LocalAddress {
 public:
  explicit LocalAddress(std::int64_t which_one);
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t length() const { return length_; }

 private:
  sockaddr_un address_{};
  socklen_t length_;
};

/// What a socket's address can be known by, whatever the process is called.
void add_address(Answer& answer, const sockaddr_un& address, socklen_t length);

}  // namespace tocsin::differential
