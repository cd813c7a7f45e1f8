// SPDX-License-Identifier: MIT
#include "tocsin/http/server.hpp"

#include <optional>
#include <utility>
#include <variant>

#include "tocsin/http/internal/connection.hpp"
#include "tocsin/task/scope.hpp"

namespace tocsin::http {
namespace {

Task<Result<>> serve_any(TcpListener listener, std::variant<Handler, AsyncHandler> handler,
                         ServerOptions options) {
  Context& context = co_await this_context();
  internal::Service service(context.executor(), std::move(handler), options);
  Scope connections(context.executor(), OnFailure::carry_on);

  std::optional<TcpListener> open(std::move(listener));
  Errno why = Errno::cancelled;
  while (true) {
    auto peer = co_await open->accept();
    if (!peer) {
      why = peer.error();
      break;
    }
    connections.spawn(internal::serve_connection(service, std::move(*peer)));
  }
  open.reset();  // Who comes now is refused by the kernel instead of waiting for nobody.
  service.begin_drain();
  co_await internal::AllEnded(service, options.grace);
  connections.cancel();
  try {
    static_cast<void>(co_await connections.join());
  } catch (...) {  // One of them ran out of memory; that ended it and nothing else.
  }
  co_return std::unexpected(why);
}

}  // namespace

Task<Result<>> serve(TcpListener listener, Handler handler, ServerOptions options) {
  return serve_any(std::move(listener), std::move(handler), options);
}

Task<Result<>> serve(TcpListener listener, AsyncHandler handler, ServerOptions options) {
  return serve_any(std::move(listener), std::move(handler), options);
}

}  // namespace tocsin::http
