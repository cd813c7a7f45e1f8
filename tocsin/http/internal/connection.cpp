// SPDX-License-Identifier: MIT
#include "tocsin/http/internal/connection.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "tocsin/task/timeout.hpp"

namespace tocsin::http::internal {
namespace {

// A content up to that long is copied behind its head: one piece is sent faster than two (of 16
// KiB by a tenth, send(2) against sendmsg(2); beyond, copying costs what it saves).
constexpr std::size_t most_copied = 32 * 1024;

// What one write may move before its time is counted anew: a slow client is not a stuck one.
constexpr std::uint64_t write_step = 256 * 1024;

// How much, and how long, a client that is told to go may go on sending.
constexpr std::uint64_t most_lingered = 1024 * 1024;
constexpr Duration linger_time = std::chrono::seconds(2);

// Of `out`, for the word about a request that is none behind answers to those that were.
constexpr std::size_t refusal_room = most_head_overhead + 128;

std::size_t head_room(const Response& response) {
  return response.fields.size() + response.location.size() + most_head_overhead;
}

}  // namespace

Connection::Connection(Service& service, Context& context, Stream& stream)
    : Member(service, context),
      pool_(stream.source().loop().buffers()),
      kernel_(stream.source().kernel()),
      reader_(service.options().limits),
      pending_since_(service.executor().now()) {}

// ---- reading ------------------------------------------------------------------------------------

TimePoint Connection::wait_for_bytes() {
  const TimePoint now = service().executor().now();
  const bool between = reader_.is_between_requests();
  set_idle(between);
  if (!between && !pending_) pending_since_ = now;
  pending_ = pending_ || !between;
  const ServerOptions& options = service().options();
  return pending_ ? saturating_add(pending_since_, options.header_time)
                  : saturating_add(now, options.idle_time);
}

bool Connection::take(const Result<Buffer>& bytes) {
  set_idle(false);
  if (bytes && !bytes->empty()) {
    reader_.feed(as_text(*bytes));
    return true;
  }
  over_ = true;
  // Who has sent a part of a head is told; who has sent nothing would take it for an answer to what
  // it is about to send.
  if (!bytes && bytes.error() == Errno::timed_out && reader_.has_partial_head())
    refuse(Status::request_timeout);
  return false;
}

bool Connection::next(Request& request) {
  if (over_) return false;
  const Parsed parsed = reader_.next(request);
  if (parsed.state == Parsed::State::refused) refuse(parsed.status);
  if (parsed.state != Parsed::State::complete) return false;
  pending_ = false;
  return true;
}

// ---- writing ------------------------------------------------------------------------------------

MutableBytes Connection::room() {
  if (out_.room().empty()) out_ = pool_.take();
  return out_.room().subspan(out_.size());
}

bool Connection::has_room_for(const Response& response) const {
  if (out_.empty()) return true;
  const std::size_t copied = response.content.size() <= most_copied ? response.content.size() : 0;
  const std::size_t needed = head_room(response) + copied + refusal_room;
  return out_.room().size() - out_.size() >= needed;
}

void Connection::put_head(const Response& response, bool keep_alive, bool is_http10) {
  const MutableBytes free = room();
  const HeadContext context{service().date(kernel_), keep_alive, is_http10};
  out_.fill(out_.size() + append_head(response, context, free));
}

void Connection::put(const Request& request, Response& response) {
  if (request.content_length > service().options().skipped_body && response.status < Status{400})
    response = Response::error(Status::content_too_large);
  if (head_room(response) > pool_.buffer_size())  // Only where buffers were made small.
    response = Response::error(Status::internal_error);
  const bool stays = stays_after(request);
  over_ = !stays;
  put_head(response, stays, request.minor_version == 0);
  if (request.method == Method::head || is_bodiless(response.status)) {
    response.content = {};
    response.file = {};
  }
  const std::string_view content = response.content;
  if (content.empty() || content.size() > most_copied || content.size() > room().size()) return;
  std::memcpy(room().data(), content.data(), content.size());
  out_.fill(out_.size() + content.size());
  response.content = {};
}

bool Connection::stays_after(const Request& request) {
  // Who waits for "100 Continue" gets its final answer at once; whether it sends the body then is
  // up to it (RFC 9110, 10.1.1), so that nobody could tell a body from a request any more.
  const bool unknown_end = request.chunked || request.expects_continue;
  if (unknown_end || request.content_length > service().options().skipped_body) {
    linger_ = true;
    return false;
  }
  reader_.skip_body(request.content_length);
  if (!request.keep_alive || service().is_draining()) {
    linger_ = !reader_.is_between_requests();
    return false;
  }
  return true;
}

void Connection::refuse(Status status) {
  over_ = true;
  linger_ = true;
  if (room().size() < refusal_room) return;  // Behind an answer that fills a small buffer.
  const Response response = Response::error(status);
  put_head(response, false, false);
  std::memcpy(room().data(), response.content.data(), response.content.size());
  out_.fill(out_.size() + response.content.size());
}

// ---- the I/O ------------------------------------------------------------------------------------

namespace {

Task<Response> ask(AsyncHandler& handler, const Request& request) {
  try {
    co_return co_await handler(request);
  } catch (...) {
  }
  co_return Response::error(Status::internal_error);
}

Response ask(Handler& handler, const Request& request) {
  try {
    return handler(request);
  } catch (...) {
    return Response::error(Status::internal_error);
  }
}

// Reads and drops what the client still sends, until it has finished or it takes too long.
Task<> linger(Executor& executor, TcpStream& stream) {
  if (!stream.finish_writing()) co_return;
  const TimePoint end = executor.now() + linger_time;
  std::uint64_t dropped = 0;
  while (dropped < most_lingered) {
    const auto bytes = co_await deadline(end, stream.read());
    if (!bytes || bytes->empty()) co_return;
    dropped += bytes->size();
  }
}

}  // namespace

Task<> serve_connection(Service& service, TcpStream stream) {
  Context& context = co_await this_context();
  Connection connection(service, context, stream);
  const Duration write_time = service.options().write_time;
  Request request;
  Response response;

  while (connection.goes_on()) {
    auto bytes = co_await deadline(connection.wait_for_bytes(), stream.read());
    static_cast<void>(connection.take(bytes));
    while (connection.next(request)) {
      if (Handler* const handler = service.handler()) {
        response = ask(*handler, request);
      } else {
        response = co_await ask(service.async_handler(), request);
      }
      if (!connection.has_room_for(response)) {
        const auto done = co_await timeout(write_time, stream.write_all(connection.out()));
        if (!done) co_return;
        connection.written();
      }
      connection.put(request, response);

      // What follows is for answers that are not yet in `out` as a whole.
      if (!response.content.empty() || response.file.length > 0) {
        connection.let_go();
        if (bytes) bytes->reset();
      }
      while (!response.content.empty()) {
        const std::string_view part = response.content.substr(0, write_step);
        const std::array<ByteView, 2> parts{connection.out(), as_bytes(part)};
        const auto done = co_await timeout(write_time, stream.write_gathered(parts));
        if (!done) co_return;
        connection.written();
        response.content.remove_prefix(part.size());
      }
      if (response.file.length > 0) {
        const auto done =
            co_await timeout(write_time, stream.write_all(connection.out(), More::yes));
        if (!done) co_return;
        connection.written();
      }
      while (response.file.length > 0) {
        FileSlice& file = response.file;
        const std::uint64_t step = std::min(file.length, write_step);
        const auto sent =
            co_await timeout(write_time, stream.send_file(file.fd, file.offset, step));
        // Fewer bytes: the file was cut meanwhile, and the promised length cannot be kept.
        if (!sent || *sent != step) co_return;
        file.offset += step;
        file.length -= step;
      }
      response.owner.reset();
    }
    connection.let_go();
    if (bytes) bytes->reset();
    if (!connection.out().empty()) {
      const auto done = co_await timeout(write_time, stream.write_all(connection.out()));
      if (!done) co_return;
      connection.written();
    }
  }
  if (connection.must_linger()) co_await linger(service.executor(), stream);
}

}  // namespace tocsin::http::internal
