// SPDX-License-Identifier: MIT
#include "tocsin/vkern/description.hpp"

#include "tocsin/vkern/epoll.hpp"

namespace tocsin::vkern {

// Epolls forget it before the object is told, so that what the object wakes while it closes is
// never reported on this description (Linux: eventpoll_release is the first thing in __fput).
template <class P>
void Description<P>::end() {
  Epoll<P>::forget(*this);
  object_->released(*this);
  if (this->drop_ref()) delete this;
}

template class Description<Single>;
template class Description<Threads>;

}  // namespace tocsin::vkern
