// SPDX-License-Identifier: MIT
//
// RequestReader: bytes in whatever pieces they come, requests one after the other.
//
//     read() ──> feed ──> [ RequestReader ] ──> next: a Request, "more", or what to answer
//
// Requests that come whole are read where they lie, in the buffer that was lent for the read; only
// what is left of a piece when its buffer goes is copied. So a connection that is idle, and one
// whose requests come whole, holds no memory here and costs no allocation.
//
// Bodies are skipped, never parsed: what a body holds is never taken for a request.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tocsin/http/request_parser.hpp"

namespace tocsin::http {

class RequestReader {
 public:
  /// `limits` must outlive it.
  explicit RequestReader(const ParseLimits& limits) : limits_(&limits) {}

  /// Takes the next piece. It must stay where it is until `keep_rest`.
  void feed(std::string_view bytes);

  /// Reads the next request, which views the bytes until the next `feed` or `keep_rest`. After
  /// `refused` nothing more can be read.
  Parsed next(Request& request);

  /// The body of the request just read, `length` bytes, is to be left out.
  void skip_body(std::uint64_t length);

  /// To be called before the bytes of the last piece go: copies what has not been read.
  void keep_rest();

  /// Whether nothing of a request has come that has not been read, a body included.
  bool is_between_requests() const { return rest_.empty() && skip_ == 0; }

  /// Whether a part of a head waits for the rest of it.
  bool has_partial_head() const { return !rest_.empty(); }

 private:
  void skip();

  const ParseLimits* limits_;
  std::string_view rest_;   // Not read yet: in the caller's bytes, or in `kept_`.
  std::uint64_t skip_ = 0;  // Bytes of a body that are still to come.
  std::string kept_;        // The beginning of a head whose first pieces have gone.
  bool worth_a_try_ = true;
};

}  // namespace tocsin::http
