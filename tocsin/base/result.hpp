// SPDX-License-Identifier: MIT
//
// Result: what an operation gave, or the error number that says why it gave nothing.
//
// Everything the world can do to a program comes through here, never through an exception; what
// the programmer did wrong is a CHECK (check.hpp). g++ 12 has std::expected without its monadic
// members, so propagation is written out: `if (!x) return std::unexpected(x.error());`.
//
// Thread rule: a value; any thread.
#pragma once

#include <concepts>
#include <expected>

#include "tocsin/base/errno.hpp"

namespace tocsin {

/// A T, or the Errno that says why there is none.
template <class T = void>
using Result = std::expected<T, Errno>;

/// Whether a type is a Result, or like one: its error can be an Errno, among others (that of
/// another library's adapter, say). For templates that fold an error of their own into one.
template <class T>
inline constexpr bool is_result = false;
template <class T, class E>
  requires std::convertible_to<Errno, E> && requires(const E& error) { error == Errno::cancelled; }
inline constexpr bool is_result<std::expected<T, E>> = true;

}  // namespace tocsin
