// SPDX-License-Identifier: MIT
#include "tocsin/vkern/inet_socket.hpp"

namespace tocsin::vkern {

template <class P>
Result<Ref<Socket<P>>> make_inet_socket(System<P>&, int, int) {
  return std::unexpected(Errno{EAFNOSUPPORT});
}

template Result<Ref<Socket<Single>>> make_inet_socket(System<Single>&, int, int);
template Result<Ref<Socket<Threads>>> make_inet_socket(System<Threads>&, int, int);

}  // namespace tocsin::vkern
