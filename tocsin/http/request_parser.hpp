// SPDX-License-Identifier: MIT
//
// parse_request: the head of a request, read without I/O.
//
//     bytes as they came ──> [ parse_request ] ──> a Request, "more", or the status to answer
//
// The grammar is Boost.Beast's basic_parser, which this hides. What a server must be stricter about
// than Beast is here, because two readers of the same bytes must not see different requests
// (RFC 9112, 11.2, "Request Smuggling"). Refused with 400: more than one Content-Length, even
// equal ones; Transfer-Encoding together with Content-Length, or in HTTP/1.0; folded lines; lines
// that end in LF or contain CR; NUL; blanks around a name; no Host or two of them in HTTP/1.1; a
// target that is neither a path nor an absolute http address. A transfer coding other than
// "chunked" is 501.
//
// Bytes of 0x80 and above in a target are let through, although no grammar has them: curl sends
// what was typed, and they name files.
//
// Thread rule: pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tocsin/http/request.hpp"
#include "tocsin/http/status.hpp"

namespace tocsin::http {

struct ParseLimits {
  std::size_t head_bytes = 16 * 1024;  // Request line and fields; beyond: 414 or 431.
  std::size_t fields = 100;            // Lines; beyond: 431.
};

struct Parsed {
  enum class State : std::uint8_t { complete, incomplete, refused };

  State state;
  std::size_t size = 0;                 // If complete: the bytes that were the head.
  Status status = Status::bad_request;  // If refused: what to answer. What follows is unknown.
};

/// Reads the head at the front of `bytes`, empty lines before it included (RFC 9112, 2.2). If it is
/// complete, `request` is a view of it. If it is incomplete, call again with the same bytes and
/// more: the answer for a head does not depend on the pieces it came in. Allocates nothing.
Parsed parse_request(std::string_view bytes, const ParseLimits& limits, Request& request);

}  // namespace tocsin::http
