// SPDX-License-Identifier: MIT
//
// pq::Error: why a query, or a connection to PostgreSQL, came to nothing.
//
//     libpq's message, the server's SQLSTATE ──> [ Error ] ──> pq::Outcome<T>
//
// It is an Errno (so `timeout` and comparisons with Errno::cancelled work), and besides what the
// server said.
//
// Thread rule: a value; any thread.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "tocsin/base/errno.hpp"

namespace tocsin::pq {

/// EREMOTEIO: the server refused, and `sqlstate` says why; the connection goes on. ENOTCONN: there
/// is no connection, and the server has done nothing. ECONNRESET: it was lost, and nobody knows
/// what the server has done; `sqlstate` may say why it went. ECANCELED, ETIMEDOUT (by `timeout`).
/// EOPNOTSUPP: a COPY. EINVAL: a zero byte in the text of a query or a parameter. ENOMEM.
class Error {
 public:
  /// An error without further words: those of errno(3) are its message.
  Error(Errno number) : Error(number, std::string(number.message())) {}
  Error(Errno number, std::string message, std::string sqlstate = {})
      : number_(number), message_(std::move(message)), sqlstate_(std::move(sqlstate)) {}

  Errno number() const { return number_; }
  /// For people; the server's or libpq's, in the server's language. No newline at the end.
  const std::string& message() const { return message_; }
  /// Five characters that mean the same in every language ("23505": unique_violation), as in the
  /// manual of PostgreSQL, appendix A. Empty if the server said nothing.
  const std::string& sqlstate() const { return sqlstate_; }

  bool operator==(Errno other) const { return number_ == other; }

 private:
  Errno number_;
  std::string message_;
  std::string sqlstate_;
};

template <class T = void>
using Outcome = std::expected<T, Error>;

}  // namespace tocsin::pq
