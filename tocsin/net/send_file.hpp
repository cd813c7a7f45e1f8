// SPDX-License-Identifier: MIT
//
// SendFileOperation: a part of a file goes into a stream without passing through the program.
//
//     page cache ──> sendfile(2) ──> [ SendFileOperation ] ──> socket
//
// It goes in chunks, and within the budget of its source: a peer that takes a gigabyte as fast as
// it comes holds up nobody (epoll(7), "Starvation").
//
// Ownership: the file's descriptor stays the caller's. Thread rule: the loop's thread; a page that
// is not in the cache is read from the disk meanwhile.
#pragma once

#include <cstdint>

#include "tocsin/source/fallible_operation.hpp"

namespace tocsin {

/// See Stream::send_file.
class [[nodiscard]] SendFileOperation final : public FallibleOperation<Direction::write> {
 public:
  /// The most that one system call is asked for.
  static constexpr std::size_t chunk = 256 * 1024;

  SendFileOperation(FdSource& source, int file, std::uint64_t offset, std::uint64_t count)
      : FallibleOperation(source), file_(file), offset_(offset), left_(count) {}
  SendFileOperation(SendFileOperation&&) = default;

  Result<std::uint64_t> await_resume() const { return result(sent_); }

 private:
  bool attempt() override;

  int file_;
  std::uint64_t offset_;
  std::uint64_t left_;
  std::uint64_t sent_ = 0;
};

}  // namespace tocsin
