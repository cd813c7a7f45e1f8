// SPDX-License-Identifier: MIT
#include "tocsin/vkern/unix_socket.hpp"

namespace tocsin::vkern {

template <class P>
Result<Ref<Socket<P>>> make_unix_socket(System<P>&, int, int) {
  return std::unexpected(Errno{EAFNOSUPPORT});
}

template Result<Ref<Socket<Single>>> make_unix_socket(System<Single>&, int, int);
template Result<Ref<Socket<Threads>>> make_unix_socket(System<Threads>&, int, int);

template <class P>
Result<std::array<Ref<Socket<P>>, 2>> make_unix_pair(System<P>&, int, int) {
  return std::unexpected(Errno{EAFNOSUPPORT});
}

template Result<std::array<Ref<Socket<Single>>, 2>> make_unix_pair(System<Single>&, int, int);
template Result<std::array<Ref<Socket<Threads>>, 2>> make_unix_pair(System<Threads>&, int, int);

}  // namespace tocsin::vkern
