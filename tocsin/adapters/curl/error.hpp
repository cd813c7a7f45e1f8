// SPDX-License-Identifier: MIT
//
// Error: why a transfer failed, in libcurl's words.
//
//     CURLcode, errno ──> [ Error ] ──> Outcome<T> ──> your `if (!done)`
//
// It stands where a Result has an Errno, and becomes one where that is asked for; so timeout and
// Task<Result<>> treat an Outcome as they treat a Result.
//
// Thread rule: a value; any thread.
#pragma once

#include <expected>
#include <string>
#include <utility>

#include "tocsin/base/errno.hpp"

namespace tocsin::curl {

class Error {
 public:
  /// An error that is not libcurl's: ECANCELED, the ETIMEDOUT of `timeout`.
  Error(Errno number) : number_(number), message_(number.message()) {}
  Error(int code, Errno number, std::string message)
      : code_(code), number_(number), message_(std::move(message)) {}

  /// A CURLcode (libcurl-errors(3)); 0 if the error is not libcurl's.
  int code() const { return code_; }
  /// What comes nearest to the code: ENOENT (there is no such name), ECONNREFUSED and whatever else
  /// the system said of a connection, ETIMEDOUT, EINVAL (of an URL), EPROTONOSUPPORT, ECANCELED (a
  /// callback of the caller's stopped it), EFBIG, ENOMEM; EIO for the rest.
  Errno number() const { return number_; }
  operator Errno() const { return number_; }
  /// A sentence, for people.
  const std::string& message() const { return message_; }

 private:
  int code_ = 0;
  Errno number_;
  std::string message_;
};

/// A T, or the Error that says why there is none.
template <class T = void>
using Outcome = std::expected<T, Error>;

}  // namespace tocsin::curl
