// SPDX-License-Identifier: MIT
//
// Child, Shared: a process of our own in which anything may go wrong, and memory that it shares.
//
// A child needs no descriptor to report: what it finds out lies in a Shared. It works in a new
// empty directory, which its parent removes, as it does the message queues.
//
// Ownership: a Child is killed and waited for before it ends. Thread rule: one thread.
#pragma once

#include <sys/mman.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "tocsin/base/check.hpp"

namespace tocsin::differential {

/// A zeroed T that stays one and the same across fork(2).
template <class T>
class Shared {
 public:
  Shared() {
    void* const memory =
        ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED, "there is memory");
    object_ = new (memory) T{};
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { ::munmap(object_, sizeof(T)); }

  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }

 private:
  T* object_;
};

class Child {
 public:
  /// Runs `work` and ends with status 0; nothing of what the parent has to clean up is done twice.
  explicit Child(const std::function<void()>& work);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  /// Its status as waitpid(2) has it; none if it still runs after `limit`.
  std::optional<int> wait(std::chrono::milliseconds limit);
  /// Ends it, whatever it does.
  void kill();

 private:
  std::string directory_;
  pid_t id_ = -1;
  pid_t pid_ = -1;  // The same; -1 once it was waited for.
  int pidfd_ = -1;
  int status_ = 0;
};

}  // namespace tocsin::differential
