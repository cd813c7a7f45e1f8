// SPDX-License-Identifier: MIT
//
// Request: what a client asks for, as views into the bytes it sent.
//
//     bytes ──> parse_request ──> [ Request ] ──> handler ──> Response
//
// Nothing is copied and nothing is allocated: the few fields that a server of files looks at are
// views that were taken on the way; every other one is found when asked for.
//
// Ownership: it owns nothing. The bytes outlive it; within a handler they do until the handler has
// answered (an asynchronous one: until its Task has ended). Thread rule: as the bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "tocsin/http/conditional.hpp"

namespace tocsin::http {

/// Those of RFC 9110, 9.3, and PATCH; `other` is any other token.
enum class Method : std::uint8_t {
  get,
  head,
  post,
  put,
  remove,
  connect,
  options,
  trace,
  patch,
  other
};

struct Request {
  Method method = Method::other;
  std::string_view method_name = {};  // As sent: methods are case-sensitive.

  /// What is asked for, from its first '/': the scheme and authority of an absolute target are
  /// taken off (RFC 9112, 3.2.2). Only OPTIONS and CONNECT may come with one that has no '/'.
  std::string_view target = {};
  std::string_view path = {};   // Of the target, up to '?'; still percent-encoded: see path.hpp.
  std::string_view query = {};  // Behind the '?'.

  int minor_version = 1;    // Of HTTP/1.x: 0 or 1.
  bool keep_alive = false;  // The client would send another request on this connection.

  std::string_view host = {};   // Never absent in HTTP/1.1.
  std::string_view range = {};  // Empty if absent, as are the views of `conditions`.
  Conditions conditions = {};

  std::uint64_t content_length = 0;
  bool chunked = false;           // A body of unknown length follows.
  bool expects_continue = false;  // The client waits for a word before it sends its body.

  std::string_view fields = {};  // The lines of the header, each with its CR LF.

  /// The value of the first field called `name` (in any case of letters), or nothing.
  std::optional<std::string_view> field(std::string_view name) const;

  bool has_body() const { return chunked || content_length > 0; }
};

}  // namespace tocsin::http
