// SPDX-License-Identifier: MIT
#include "tocsin/adapters/pq/internal/cancel_request.hpp"

#include <utility>

namespace tocsin::pq::internal {

CancelRequest::~CancelRequest() {
  if (pool_) pool_->withdraw(*this);
}

void CancelRequest::ask(PGconn* connection) {
  if (is_under_way()) return;
  request_.reset(PQgetCancel(connection));
  if (!request_) return;
  auto pool = ThreadPool::create(loop_, 1);
  if (!pool) return;
  pool_ = std::move(*pool);
  pool_->submit(*this);
}

// That it failed shows as well: the statement goes on.
void CancelRequest::perform() noexcept {
  std::array<char, 256> why{};
  PQcancel(request_.get(), why.data(), static_cast<int>(why.size()));
}

void CancelRequest::performed() {
  pool_.reset();
  requester_.on_cancel_request_ended();
}

}  // namespace tocsin::pq::internal
