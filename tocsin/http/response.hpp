// SPDX-License-Identifier: MIT
//
// Response: what a handler answers, and how it looks on the wire.
//
//     handler ──> [ Response ] ──> append_head ──> Connection ──> the client
//
// A Response says what there is to say about the content; what concerns the connection (Date,
// Connection, Content-Length, and that HEAD has no body) is added when it is sent. Its views may
// lie in static storage or in what `owner` keeps alive; that makes an answer from a cache one
// reference count and no allocation.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tocsin/base/bytes.hpp"
#include "tocsin/http/date.hpp"
#include "tocsin/http/status.hpp"

namespace tocsin::http {

/// A part of an open file.
struct FileSlice {
  int fd = -1;  // -1: none.
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// What Content-Range says: bytes first-last of total, or (of a 416) only the total.
struct ContentRange {
  std::optional<std::uint64_t> first;
  std::uint64_t last = 0;
  std::uint64_t total = 0;
};

struct Response {
  Status status = Status::ok;

  /// Lines of the header, each with its CR LF: at most `most_fields` bytes. Date, Connection,
  /// Content-Length, Content-Range and Location are not for here.
  std::string_view fields = {};
  static constexpr std::size_t most_fields = 16 * 1024;

  std::string location = {};  // Of a redirection; empty: none.
  std::optional<ContentRange> range = {};

  /// The body: bytes, or a part of a file, not both.
  std::string_view content = {};
  FileSlice file = {};

  std::shared_ptr<const void> owner = {};  // Keeps alive what the views and the descriptor are of.

  /// "text/plain" in UTF-8.
  static Response text(std::string body, Status status = Status::ok);

  /// `body` and `fields` have to outlive the sending: string literals do.
  static Response lasting(std::string_view body, std::string_view fields);

  /// The status' number and words as a page: what the library answers by itself.
  static Response error(Status status);

  std::uint64_t length() const { return file.fd >= 0 ? file.length : content.size(); }
};

/// What a head says of the connection it goes through.
struct HeadContext {
  DateText date;
  bool keep_alive = true;
  bool is_http10 = false;  // Which wants to be told of keeping alive, not of closing.
};

/// The most that append_head writes beyond fields and location.
inline constexpr std::size_t most_head_overhead = 512;

/// Writes the head of `response`, empty line included, to the front of `room` and answers how long
/// it is. Requires: room for its fields, its location and `most_head_overhead`.
std::size_t append_head(const Response& response, const HeadContext& context, MutableBytes room);

}  // namespace tocsin::http
