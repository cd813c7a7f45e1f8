// SPDX-License-Identifier: MIT
//
// Counted, Ref: memory that lives as long as somebody refers to it.
//
// This is the second of a kernel's two counts. The first, how often something is *open*, is
// Description's, and decides when something ends for its users; this one only decides when its
// memory goes. What has ended may be referred to for a while by whoever is just letting go of it.
//
// Thread rule: the count, as the policy; a Ref itself, one thread at a time.
#pragma once

#include <utility>

#include "tocsin/vkern/policy.hpp"

namespace tocsin::vkern {

/// The base of what is counted. It is born with one reference, which `Ref::adopt` takes over.
template <class P>
class Counted {
 public:
  Counted() = default;
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  void add_ref() { refs_.add(); }
  bool drop_ref() { return refs_.drop(); }

 protected:
  ~Counted() = default;

 private:
  typename P::Counter refs_{1};
};

/// A reference to a Counted: whoever holds the last one deletes it, on the spot and on that thread;
/// so none is let go of under a lock that the destructor might want. Empty after it was moved from.
template <class T>
class Ref {
 public:
  Ref() = default;
  /// Takes over the reference that `object` was born with.
  static Ref adopt(T* object) {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  /// One more reference to `object`, which somebody holds.
  explicit Ref(T& object) : object_(&object) { object.add_ref(); }

  Ref(const Ref& other) : object_(other.object_) {
    if (object_ != nullptr) object_->add_ref();
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
  Ref(Ref<U> other) : object_(other.release()) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr && object_->drop_ref()) delete object_;
  }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  /// The reference becomes the caller's.
  T* release() { return std::exchange(object_, nullptr); }

 private:
  T* object_ = nullptr;
};

/// A new T, referred to once, by the answer.
template <class T, class... Args>
Ref<T> make_ref(Args&&... args) {
  return Ref<T>::adopt(new T(std::forward<Args>(args)...));
}

}  // namespace tocsin::vkern
