// SPDX-License-Identifier: MIT
//
// CurlError: why a transfer failed, in libcurl's words.
//
//     CURLcode ──> [ CurlError ] ──> CurlResult: what a transfer gives
//
// It can be an Errno, too, so that timeout() and a Task<Result<>> take it for one.
//
// Thread rule: a value; any thread.
#pragma once

#include <string>

#include "tocsin/base/result.hpp"

namespace tocsin {

struct CurlError {
  /// An error that is not libcurl's: ECANCELED, the ETIMEDOUT of timeout().
  CurlError(Errno its_number) : number(its_number), message(its_number.message()) {}
  CurlError(int its_code, Errno its_number, std::string its_message)
      : code(its_code), number(its_number), message(std::move(its_message)) {}

  operator Errno() const { return number; }

  /// A CURLcode (libcurl-errors(3)); 0 if the error is not libcurl's.
  int code = 0;
  /// What comes nearest to the code: ENOENT (there is no such name), ECONNREFUSED and whatever else
  /// the system said of a connection, ETIMEDOUT, EINVAL (of an URL), EPROTONOSUPPORT, ECANCELED (a
  /// callback of the caller's stopped it), EFBIG, ENOMEM; EIO for the rest.
  Errno number;
  /// A sentence, for people.
  std::string message;
};

/// A T, or why there is none.
template <class T = void>
using CurlResult = std::expected<T, CurlError>;

}  // namespace tocsin
