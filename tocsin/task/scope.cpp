// SPDX-License-Identifier: MIT
#include "tocsin/task/scope.hpp"

namespace tocsin {

Scope::~Scope() {
  CHECK(joiner_ == nullptr, "a Scope was destroyed while somebody joins it");
  cancelled_ = true;  // For what the frames' destructors may spawn.
  // Front first, each taken out before it is destroyed: the destructors may cancel the others.
  while (AnyChild* child = children_.pop_front()) {
    CHECK(!child->context().is_running(), "a Scope was destroyed from inside one of its tasks");
    delete child;
    --size_;
  }
  CHECK(size_ == 0, "a Scope was destroyed while one of its tasks was being destroyed");
}

void Scope::begin(AnyChild* child) {
  children_.push_back(*child);
  ++size_;
  if (cancelled_) child->context().cancel();
  child->start();  // `child` may be gone after this.
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

std::coroutine_handle<> Scope::ended(AnyChild& child) {
  child.unlink();
  delete &child;
  // Only now is it gone: what its frame's destructors spawned and is over again resumed nobody.
  if (--size_ > 0 || joiner_ == nullptr) return nullptr;
  joiner_->leave();
  return joiner_->handle();
}

bool Scope::Join::suspend(Waiter waiter) {
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
