// SPDX-License-Identifier: MIT
//
// serve: HTTP/1.1 on a listener, with a handler that answers.
//
//     TcpListener ──> [ serve ] ──> a connection each ──> Request ──> handler ──> Response
//
// Connections stay (keep-alive) and may send requests ahead (pipelining); answers go out in order,
// those that are ready together in one write. Bodies of requests are skipped: handlers here do not
// get any. Who sends what is no request gets the status that says so, and is closed.
//
// Time is limited everywhere: for a head to come, for a silent connection, for a write to get on.
// A head that comes in one piece and whose answer goes out at once costs no allocation.
//
// Cancelling the line that awaits `serve` drains it: the listener is closed, idle connections too,
// and answers that are under way are finished, for so long as `grace` says. Under `run`
// (source/run.hpp) that is what the first SIGTERM does; the second one ends everything.
//
// Thread rule: the loop's thread; one `serve` a thread, each with a listener of its own, share a
// port by TcpListenOptions::reuse_port.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "tocsin/base/time.hpp"
#include "tocsin/http/request.hpp"
#include "tocsin/http/request_parser.hpp"
#include "tocsin/http/response.hpp"
#include "tocsin/net/tcp.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin::http {

/// Answers at once. What it throws becomes a 500.
using Handler = std::move_only_function<Response(const Request&)>;

/// Answers when it can; the Request lasts until then. What it throws becomes a 500.
using AsyncHandler = std::move_only_function<Task<Response>(const Request&)>;

struct ServerOptions {
  ParseLimits limits;
  Duration header_time = std::chrono::seconds(10);  // From the first byte of a head to its last.
  Duration idle_time = std::chrono::seconds(60);    // Between requests.
  Duration write_time = std::chrono::seconds(60);   // For each 256 KiB: slow is not stuck.
  Duration grace = std::chrono::seconds(30);        // For answers under way, once cancelled.
  std::uint64_t skipped_body = 64 * 1024;           // More is not waited for: 413, and closed.
};

/// Serves until it is cancelled and drained, which gives ECANCELED, or the listener fails
/// (AcceptOperation says how). Connections never make it fail. SIGPIPE has to be blocked or ignored
/// in this thread, as `run` does, if a Response sends a file.
Task<Result<>> serve(TcpListener listener, Handler handler, ServerOptions options = {});
Task<Result<>> serve(TcpListener listener, AsyncHandler handler, ServerOptions options = {});

}  // namespace tocsin::http
