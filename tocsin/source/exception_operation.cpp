// SPDX-License-Identifier: MIT
#include "tocsin/source/exception_operation.hpp"

#include "tocsin/base/check.hpp"

namespace tocsin {

ExceptionOperation::ExceptionOperation(FdSource& source, Direction condition)
    : AnyIoOperation(source), condition_(condition) {
  CHECK(condition > Direction::write, "reading and writing are waited for by IoOperation");
}

bool ExceptionOperation::await_ready() {
  FdSource& from = source();
  check_free();
  if (!from.may_have(condition_)) return false;
  if (from.may_spend() && attempt()) return true;
  if (from.may_have(condition_)) from.loop().serve_again(from);
  return false;
}

void ExceptionOperation::check_free() {
  for (AnyIoOperation* other = source().writer_; other != nullptr;) {
    AnyIoOperation** const behind = other->behind();
    if (behind == nullptr) return;  // The writer: all in front of it are of this class.
    CHECK(static_cast<ExceptionOperation*>(other)->condition_ != condition_,
          "one operation a condition at a time: await the first before the second");
    other = *behind;
  }
}

void ExceptionOperation::proceed() {
  FdSource& from = source();
  if (!from.may_have(condition_)) return;
  if (attempt()) {
    leave_chain();
    resume_later();
  } else if (from.may_have(condition_)) {
    from.loop().serve_again(from);
  }
}

void ExceptionOperation::start() {
  AnyIoOperation*& first = source().writer_;
  behind_ = first;
  first = this;
}

void ExceptionOperation::abandon() {
  if (source_ != nullptr) leave_chain();
  fail(Errno::cancelled);
}

// Nothing happens if it is not in it.
void ExceptionOperation::leave_chain() {
  AnyIoOperation** place = &source().writer_;
  while (*place != nullptr && *place != this) {
    AnyIoOperation** const behind = (*place)->behind();
    if (behind == nullptr) return;
    place = behind;
  }
  if (*place == this) *place = behind_;
}

}  // namespace tocsin
