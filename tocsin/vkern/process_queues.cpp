// SPDX-License-Identifier: MIT
//
// Process: POSIX message queues (mq_overview(7)).
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {

template <class P>
Result<int> Process<P>::mq_open(const char*, int, mode_t, const mq_attr*) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<> Process<P>::mq_unlink(const char*) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<> Process<P>::mq_timedsend(int, ByteView, unsigned, const timespec*) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Count Process<P>::mq_timedreceive(int, MutableBytes, unsigned*, const timespec*) {
  return std::unexpected(Errno{ENOSYS});
}

template Result<int> Process<Single>::mq_open(const char*, int, mode_t, const mq_attr*);
template Result<> Process<Single>::mq_unlink(const char*);
template Result<> Process<Single>::mq_timedsend(int, ByteView, unsigned, const timespec*);
template Count Process<Single>::mq_timedreceive(int, MutableBytes, unsigned*, const timespec*);
template Result<int> Process<Threads>::mq_open(const char*, int, mode_t, const mq_attr*);
template Result<> Process<Threads>::mq_unlink(const char*);
template Result<> Process<Threads>::mq_timedsend(int, ByteView, unsigned, const timespec*);
template Count Process<Threads>::mq_timedreceive(int, MutableBytes, unsigned*, const timespec*);

}  // namespace tocsin::vkern
