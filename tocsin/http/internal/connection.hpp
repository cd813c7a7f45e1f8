// SPDX-License-Identifier: MIT
//
// Connection: one client's connection, without its I/O.
//
//     bytes ──> take ──> next: a Request ──> put: a Response ──> out(), content, file ──> bytes
//
// It decides what is read, how long is waited for it, what is written, and when it is over;
// serve_connection (connection.cpp) awaits what it decides. Small answers are gathered in a lent
// buffer and leave together; larger contents and files are written from where they lie.
//
// Ownership: it lives in the frame of serve_connection; the Service and the pool outlive it.
// Thread rule: the loop's thread.
#pragma once

#include "tocsin/http/internal/service.hpp"
#include "tocsin/http/request_reader.hpp"

namespace tocsin::http::internal {

class Connection : public Member {
 public:
  /// `stream` is where it will be served: only its loop's pool and its kernel's clock are used.
  Connection(Service& service, Context& context, Stream& stream);

  // ---- reading ----------------------------------------------------------------------------------

  /// The instant until which the next bytes are waited for. From here to `take` it is waiting.
  TimePoint wait_for_bytes();

  /// Takes what the wait gave; `bytes` has to stay until `let_go`. False if there is nothing to
  /// read requests from; then it is over, and at most the word about it is to be written.
  bool take(const Result<Buffer>& bytes);

  /// Reads the next request. False: there is none (yet).
  bool next(Request& request);

  /// Lets go of the bytes that were taken; they may end now.
  void let_go() { reader_.keep_rest(); }

  // ---- writing ----------------------------------------------------------------------------------

  /// Whether `put` has room for this; if not, `out` is to be written first.
  bool has_room_for(const Response& response) const;

  /// Puts the answer to `request` into `out`. What is too large for it, or lies in a file, is left
  /// in `response`, to be written after `out`; of what is not to be sent (HEAD) nothing is left.
  void put(const Request& request, Response& response);

  /// What is to be written.
  ByteView out() const { return out_; }
  void written() { out_.reset(); }

  // ---- the end ----------------------------------------------------------------------------------

  /// Whether another request may come: its head says so, and the server is not about to end.
  bool goes_on() const {
    return !over_ && !(service().is_draining() && reader_.is_between_requests());
  }

  /// Whether the client may still be sending what nobody will read: to close at once would reset
  /// the connection, and the answer could be lost with it (RFC 9112, 9.6).
  bool must_linger() const { return linger_; }

 private:
  bool stays_after(const Request& request);
  void refuse(Status status);
  void put_head(const Response& response, bool keep_alive, bool is_http10);
  MutableBytes room();

  BufferPool& pool_;
  Kernel& kernel_;
  RequestReader reader_;
  Buffer out_;
  TimePoint pending_since_;  // Since when a request is under way, if one is.
  bool pending_ = true;      // At first: whoever connects is expected to ask.
  bool over_ = false;
  bool linger_ = false;
};

/// Serves one connection to its end.
Task<> serve_connection(Service& service, TcpStream stream);

}  // namespace tocsin::http::internal
