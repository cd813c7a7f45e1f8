// SPDX-License-Identifier: MIT
#include "tocsin/task/scope.hpp"

namespace tocsin {

Scope::~Scope() {
  CHECK(joiner_ == nullptr, "a Scope was destroyed while somebody joins it");
  // Front first, each taken out before it is destroyed: a frame's destructors may end siblings.
  while (AnyChild* child = children_.pop_front()) delete child;
}

void Scope::begin(AnyChild* child) {
  children_.push_back(*child);
  ++size_;
  if (cancelled_) child->context().cancel();
  child->body().resume();  // `child` may be gone after this.
}

void Scope::cancel() {
  cancelled_ = true;
  // Nothing is resumed in here, so nothing leaves the list.
  children_.for_each([](AnyChild& child) { child.context().cancel(); });
}

void Scope::fail(Errno error) {
  if (outcome_.has_value() && !exception_) outcome_ = std::unexpected(error);
  if (on_failure_ == OnFailure::cancel_rest) cancel();
}

void Scope::fail(std::exception_ptr exception) {
  if (outcome_.has_value() && !exception_) exception_ = std::move(exception);
  if (on_failure_ == OnFailure::cancel_rest) cancel();
}

void Scope::ended(AnyChild& child) {
  child.unlink();
  --size_;
  delete &child;
  if (children_.empty() && joiner_ != nullptr) joiner_->resume_later();
}

bool Scope::Join::suspend(Waiter waiter) {
  CHECK(scope_->joiner_ == nullptr, "a Scope is joined by one at a time");
  scope_->joiner_ = this;
  enter(waiter);
  if (waiter.context->is_cancelled()) scope_->cancel();
  return true;
}

Result<> Scope::Join::await_resume() {
  scope_->joiner_ = nullptr;
  scope_->cancelled_ = false;
  if (const auto exception = std::exchange(scope_->exception_, nullptr))
    std::rethrow_exception(exception);
  return std::exchange(scope_->outcome_, {});
}

}  // namespace tocsin
