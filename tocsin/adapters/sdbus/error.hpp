// SPDX-License-Identifier: MIT
//
// Error: why a call over D-Bus gave nothing: what the peer, the bus or sd-bus said, or Linux did.
//
//     error message, errno ──> [ Error ] ──> Outcome<T> ──> your `if (!reply)`
//
// It stands where a Result has an Errno, and becomes one where that is asked for; so timeout,
// on_each and Scope treat an Outcome as they treat a Result.
//
// Thread rule: a value; any thread.
#pragma once

#include <expected>
#include <string>

#include "tocsin/base/errno.hpp"

struct sd_bus_message;

namespace tocsin::sdbus {

class Error {
 public:
  /// What failed on this side, without a name of D-Bus: ECANCELED, ETIMEDOUT, ECONNRESET, ...
  Error(Errno number) : number_(number), message_(number.message()) {}
  /// What `reply` says, which is an error message (sd_bus_message_is_method_error(3)).
  static Error of(sd_bus_message* reply);

  /// The nearest errno: for a name that sd-bus knows what sd_bus_error_get_errno(3) makes of it
  /// (ServiceUnknown: EHOSTUNREACH; NoReply: ETIMEDOUT; AccessDenied: EACCES), else EIO.
  Errno number() const { return number_; }
  operator Errno() const { return number_; }

  /// "org.freedesktop.DBus.Error.ServiceUnknown"; empty if it did not come by D-Bus.
  const std::string& name() const { return name_; }
  /// A sentence for people: the peer's, or errno's.
  const std::string& message() const { return message_; }

 private:
  Error(Errno number, std::string name, std::string message)
      : number_(number), name_(std::move(name)), message_(std::move(message)) {}

  Errno number_;
  std::string name_;
  std::string message_;
};

/// A T, or the Error that says why there is none.
template <class T = void>
using Outcome = std::expected<T, Error>;

}  // namespace tocsin::sdbus
