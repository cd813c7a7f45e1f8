// SPDX-License-Identifier: MIT
#include "tocsin/vkern/system.hpp"

#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {

template <class P>
System<P>::System(const SystemOptions& options)
    : options_(options), init_(std::make_unique<Process<P>>(*this, 1)) {}

template <class P>
System<P>::~System() = default;

template <class P>
bool System<P>::count_watch() {
  const std::lock_guard lock(watches_lock_);
  if (watches_ >= options_.most_watches) return false;
  ++watches_;
  return true;
}

template <class P>
void System<P>::uncount_watch() {
  const std::lock_guard lock(watches_lock_);
  --watches_;
}

template class System<Single>;
template class System<Threads>;

}  // namespace tocsin::vkern
