// SPDX-License-Identifier: MIT
//
// Count: how many bytes, events or descriptors a system call answered with, or its errno.
//
// It is a Result<std::size_t> in one register, as the kernel itself answers: a count, or an errno
// below zero. On the path of every message that is a twentieth of the work saved; everywhere else
// it becomes a Result by itself.
//
// Thread rule: a value; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tocsin/base/check.hpp"
#include "tocsin/base/result.hpp"

namespace tocsin {

class [[nodiscard]] Count {
 public:
  /// As an int's: nothing may be asked of it before it is assigned to.
  Count() = default;
  /// Requires: at most 2^63 - 1, as no system call moves more.
  constexpr Count(std::size_t count) : answer_(static_cast<std::int64_t>(count)) {}
  constexpr Count(std::unexpected<Errno> error) : answer_(-error.error().value()) {}
  constexpr Count(const Result<std::size_t>& result)
      : answer_(result ? static_cast<std::int64_t>(*result) : -result.error().value()) {}

  /// Of what the kernel answered (syscall(2)): a count, or an errno below zero.
  static constexpr Count from_kernel(std::int64_t answer) {
    Count count{0};
    count.answer_ = answer;
    return count;
  }
  // An operation's count is assigned before its coroutine goes on, which the analyzer does not see.
  // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.UndefReturn)
  constexpr std::int64_t as_kernel() const { return answer_; }

  constexpr bool has_value() const { return answer_ >= 0; }
  constexpr explicit operator bool() const { return has_value(); }
  /// Requires: it has a value.
  constexpr std::size_t operator*() const { return static_cast<std::size_t>(answer_); }
  constexpr std::size_t value() const {
    CHECK(has_value(), "a count was asked for where the call failed");
    return **this;
  }
  constexpr std::size_t value_or(std::size_t otherwise) const {
    return has_value() ? **this : otherwise;
  }
  /// Requires: it has none.
  constexpr Errno error() const { return Errno{static_cast<int>(-answer_)}; }

  constexpr operator Result<std::size_t>() const {
    if (!has_value()) return std::unexpected(error());
    return **this;
  }

  constexpr bool operator==(const Count&) const = default;

 private:
  std::int64_t answer_;
};

}  // namespace tocsin
