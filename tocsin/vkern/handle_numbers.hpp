// SPDX-License-Identifier: MIT
//
// HandleNumbers: what handles are called by, as descriptors are by their numbers.
//
//     Handle ──> [ HandleNumbers ] ──> the number under which epolls keep it
//
// A number is only taken and given back: nothing is looked up by it, so that using a handle costs
// neither a lock nor a table. What was given back last is taken next; so numbers stay small, and
// which one comes depends on nothing but the order of the calls.
//
// Ownership: the System's. Thread rule: as the policy.
#pragma once

#include <mutex>
#include <vector>

#include "tocsin/base/check.hpp"
#include "tocsin/vkern/policy.hpp"

namespace tocsin::vkern {

template <class P>
class HandleNumbers {
 public:
  HandleNumbers() = default;
  HandleNumbers(const HandleNumbers&) = delete;
  HandleNumbers& operator=(const HandleNumbers&) = delete;
  ~HandleNumbers() {
    CHECK(free_.size() == static_cast<std::size_t>(next_), "a handle outlives its System");
  }

  int take() {
    const std::lock_guard lock(lock_);
    if (free_.empty()) return next_++;
    const int number = free_.back();
    free_.pop_back();
    return number;
  }
  void give_back(int number) {
    const std::lock_guard lock(lock_);
    free_.push_back(number);
  }

 private:
  [[no_unique_address]] typename P::Lock lock_;
  std::vector<int> free_;
  int next_ = 0;  // Never taken yet.
};

}  // namespace tocsin::vkern
