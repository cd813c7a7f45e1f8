// SPDX-License-Identifier: MIT
#include "tocsin/vkern/object.hpp"

#include "tocsin/vkern/description.hpp"

namespace tocsin::vkern {

template <class P>
Count Object<P>::read(Process<P>&, Description<P>&, MutableBytes) {
  return std::unexpected(Errno::invalid);
}

template <class P>
Count Object<P>::write(Process<P>&, Description<P>&, ByteView) {
  return std::unexpected(Errno::invalid);
}

template <class P>
Count Object<P>::read_at(MutableBytes, std::uint64_t) {
  return std::unexpected(Errno::invalid);
}

template <class P>
Count Object<P>::write_at(Description<P>&, ByteView, std::uint64_t) {
  return std::unexpected(Errno::invalid);
}

template <class P>
Result<int> Object<P>::ioctl(Process<P>&, Description<P>&, unsigned long, void*) {
  return std::unexpected(Errno{ENOTTY});
}

template <class P>
Result<int> Object<P>::fcntl(Description<P>&, int command, int) {
  // Linux' pipe_fcntl says so of whatever is no pipe; fcntl(2) does not tell.
  if (command == F_SETPIPE_SZ || command == F_GETPIPE_SZ) return std::unexpected(Errno{EBADF});
  return std::unexpected(Errno::invalid);
}

template <class P>
Result<> Object<P>::flags_change(Description<P>&, int) {
  return {};
}

template <class P>
void Object<P>::released(Description<P>&) {}

template class Object<Single>;
template class Object<Threads>;

}  // namespace tocsin::vkern
