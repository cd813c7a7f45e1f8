// SPDX-License-Identifier: MIT
//
// Errno: one error number of the kernel, as a value.
//
// It is what the failed half of every Result holds. It owns nothing, is as cheap as an int, and
// knows the name and the sentence that errno(3) gives it.
//
// Thread rule: a value; any thread.
#pragma once

#include <cerrno>
#include <compare>
#include <string_view>
#include <system_error>

namespace tocsin {

/// An error number as in errno(3). Never 0: the absence of an error is a Result that has a value.
class Errno {
 public:
  constexpr explicit Errno(int value) : value_(value) {}

  /// The number itself, as the macros of errno(3) spell it.
  constexpr int value() const { return value_; }

  /// The macro's name ("EAGAIN"), or "E?" for a number that the C library does not know.
  std::string_view name() const;

  /// The C library's sentence for it ("Resource temporarily unavailable"); static storage.
  std::string_view message() const;

  /// For code that speaks std::error_code; the category is std::generic_category().
  operator std::error_code() const { return {value_, std::generic_category()}; }

  constexpr auto operator<=>(const Errno&) const = default;

  static const Errno again;        // EAGAIN: not now; readiness will tell.
  static const Errno interrupted;  // EINTR: a signal came first.
  static const Errno cancelled;    // ECANCELED: whoever awaited this was cancelled.
  static const Errno timed_out;    // ETIMEDOUT: a deadline passed first.
  static const Errno invalid;      // EINVAL
  static const Errno unsupported;  // EOPNOTSUPP: this mechanism lacks what was asked for.
  static const Errno
      not_permitted;  // EPERM: of epoll_ctl, a kind of file that cannot be waited for.

 private:
  int value_;
};

inline constexpr Errno Errno::again{EAGAIN};
inline constexpr Errno Errno::interrupted{EINTR};
inline constexpr Errno Errno::cancelled{ECANCELED};
inline constexpr Errno Errno::timed_out{ETIMEDOUT};
inline constexpr Errno Errno::invalid{EINVAL};
inline constexpr Errno Errno::unsupported{EOPNOTSUPP};
inline constexpr Errno Errno::not_permitted{EPERM};

}  // namespace tocsin
