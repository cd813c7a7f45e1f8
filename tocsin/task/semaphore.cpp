// SPDX-License-Identifier: MIT
#include "tocsin/task/semaphore.hpp"

namespace tocsin {

Semaphore::~Semaphore() {
  CHECK(waiting_.empty(), "a Semaphore was destroyed while somebody waits for a permit");
  CHECK(available_ == permits_, "a Semaphore was destroyed while somebody holds a permit");
}

Result<Semaphore::Permit> Semaphore::try_acquire() {
  if (available_ == 0) return std::unexpected(Errno::again);
  --available_;
  return Permit(*this);
}

void Semaphore::give_back() {
  Acquire* const next = waiting_.pop_front();
  if (next == nullptr) {
    ++available_;
    return;
  }
  next->granted_ = true;
  next->resume_later();
}

Semaphore::Acquire::~Acquire() {
  if (granted_) semaphore_->give_back();
}

bool Semaphore::Acquire::await_ready() {
  if (semaphore_->available_ == 0) return false;
  --semaphore_->available_;
  granted_ = true;
  return true;
}

Result<Semaphore::Permit> Semaphore::Acquire::await_resume() {
  if (!std::exchange(granted_, false)) return std::unexpected(Errno::cancelled);
  return Permit(*semaphore_);
}

}  // namespace tocsin
