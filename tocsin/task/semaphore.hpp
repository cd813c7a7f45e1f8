// SPDX-License-Identifier: MIT
//
// Semaphore: at most so many lines of execution at a time.
//
//     acquire() ──> Permit ──> its destructor ──> whoever has waited longest
//
// A Permit is held by an object, not by a line: wherever the object goes, and however its frame
// ends (return, exception, cancellation, destruction), it is given back once. A permit that is
// given back while somebody waits goes to the first of them and to nobody else: a line that comes
// by in between finds none. Waiting is an Operation in the coroutine frame; nothing here allocates.
//
// Ownership: the Semaphore must outlive its Permits and whoever waits for one: declare it before
// the Scope. Thread rule: one thread.
#pragma once

#include <cstddef>
#include <utility>

#include "tocsin/base/list.hpp"
#include "tocsin/base/result.hpp"
#include "tocsin/task/operation.hpp"

namespace tocsin {

class Semaphore {
 public:
  class Acquire;

  /// The right to be one of so many; gives itself back.
  class [[nodiscard]] Permit {
   public:
    Permit(Permit&& other) noexcept : semaphore_(std::exchange(other.semaphore_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept {
      std::swap(semaphore_, other.semaphore_);  // `other` gives back what this one held.
      return *this;
    }
    ~Permit() {
      if (semaphore_ != nullptr) semaphore_->give_back();
    }

   private:
    friend class Semaphore;
    explicit Permit(Semaphore& semaphore) : semaphore_(&semaphore) {}

    Semaphore* semaphore_;  // Null once moved from.
  };

  /// `permits` may be 0: then nobody ever passes.
  explicit Semaphore(std::size_t permits) : permits_(permits), available_(permits) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  /// Requires: every Permit was given back and nobody waits.
  ~Semaphore();

  /// Awaiting it gives a Permit, in the order of asking; ECANCELED, after which none is held.
  Acquire acquire();

  /// As `acquire`, but fails with EAGAIN instead of waiting.
  Result<Permit> try_acquire();

  /// How many permits nobody holds and nobody is about to hold.
  std::size_t available() const { return available_; }

 private:
  void give_back();

  std::size_t permits_;    // All there are.
  std::size_t available_;  // 0 whenever somebody waits.
  List<Acquire> waiting_;
};

/// The awaitable of `acquire`.
class [[nodiscard]] Semaphore::Acquire final : public Operation {
 public:
  Acquire(Acquire&&) = default;
  ~Acquire();

  bool await_ready();
  Result<Permit> await_resume();

 private:
  friend class Semaphore;
  explicit Acquire(Semaphore& semaphore) : semaphore_(&semaphore) {}

  void start() override { semaphore_->waiting_.push_back(*this); }
  void abandon() override { unlink(); }

  Semaphore* semaphore_;
  bool granted_ = false;  // A permit is kept here for a line that has not gone on yet.
};

inline Semaphore::Acquire Semaphore::acquire() { return Acquire(*this); }

}  // namespace tocsin
