// SPDX-License-Identifier: MIT
#include "tocsin/net/connect.hpp"

#include <sys/socket.h>

namespace tocsin::internal {

// connect(2), EINPROGRESS: "After select(2) indicates writability, use getsockopt(2) to read the
// SO_ERROR option at level SOL_SOCKET to determine whether connect() completed successfully".
bool ConnectOperation::attempt() {
  int error = 0;
  socklen_t size = sizeof error;
  const auto done =
      source().kernel().getsockopt(source().fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (!done || error != 0) fail(done ? Errno{error} : done.error());
  return true;
}

}  // namespace tocsin::internal
