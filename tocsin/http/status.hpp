// SPDX-License-Identifier: MIT
//
// Status: the three digits of an answer (RFC 9110, 15) and the words that go with them.
//
//     parse_request, handler ──> [ Status ] ──> the status line
//
// Only the number counts; the words are for people who look at the bytes.
//
// Thread rule: a value; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace tocsin::http {

/// Those that this library sends by itself; a handler may send any other number from 200 to 599.
enum class Status : std::uint16_t {
  // Something was found.
  ok = 200,
  no_content = 204,
  partial_content = 206,
  moved_permanently = 301,
  not_modified = 304,
  // The client is to change something.
  bad_request = 400,
  forbidden = 403,
  not_found = 404,
  method_not_allowed = 405,
  request_timeout = 408,
  precondition_failed = 412,
  content_too_large = 413,
  uri_too_long = 414,
  range_not_satisfiable = 416,
  expectation_failed = 417,
  header_fields_too_large = 431,
  // The server cannot.
  internal_error = 500,
  unknown_method = 501,
  unavailable = 503,
  version_not_supported = 505,
};

/// The reason phrase; for a number that has none here, "Other". Static storage.
std::string_view reason_of(Status status);

/// Whether the answer has no body whatever its fields say (RFC 9110, 6.4.1).
constexpr bool is_bodiless(Status status) {
  return status == Status::no_content || status == Status::not_modified;
}

}  // namespace tocsin::http
