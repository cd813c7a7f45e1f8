// SPDX-License-Identifier: MIT
#include "tocsin/vkern/internal/masked_call.hpp"

#include <mutex>

#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern::internal {

template <class P>
MaskedCall<P>::MaskedCall(Process<P>& process, const sigset_t* mask) : process_(process) {
  if (mask == nullptr) return;
  mask_.blocked = from_sigset(*mask) & ~unblockable;
  const std::lock_guard lock(process_.system().process_lock());
  process_.state().call_masks.push_back(mask_);
  is_interrupted_ = process_.state().pending.any(~mask_.blocked);
}

template <class P>
MaskedCall<P>::~MaskedCall() {
  if (!mask_.is_linked()) return;
  SignalSet blocked = 0;
  {
    const std::lock_guard lock(process_.system().process_lock());
    mask_.unlink();
    blocked = process_.state().blocked_now();
  }
  process_.deliver_pending(blocked);
}

template <class P>
bool MaskedCall<P>::deliver() {
  return process_.deliver_pending(mask_.blocked);
}

template class MaskedCall<Single>;
template class MaskedCall<Threads>;

}  // namespace tocsin::vkern::internal
