// SPDX-License-Identifier: MIT
//
// direct_recv, direct_send, direct_epoll_wait: the calls that every message and every turn makes,
// without the C library between.
//
// Those of the C library are cancellation points (pthreads(7)), and pay for it at every call: a
// dozen instructions of the two hundred that an echo needs. Here the system call is made in place.
// Where that is not known how to do, and under sanitizers, which watch what the C library writes,
// the C library makes it.
//
// They answer as the kernel does: a count, or an errno below zero. Thread rule: any thread.
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TOCSIN_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TOCSIN_SANITIZED 1
#endif
#endif

namespace tocsin::internal {

#if defined(__x86_64__) && !defined(TOCSIN_SANITIZED)

// syscall(2), "Architecture calling conventions": number and result in rax, arguments in rdi, rsi,
// rdx, r10, r8, r9; rcx and r11 are lost. The last two, an address, are null.
inline long direct_call(long number, int fd, const void* data, std::size_t size, int last) {
  register long rdi asm("rdi") = fd;
  register const void* rsi asm("rsi") = data;
  register std::size_t rdx asm("rdx") = size;
  register long r10 asm("r10") = last;
  register long r8 asm("r8") = 0;
  register long r9 asm("r9") = 0;
  asm volatile("syscall"
               : "+a"(number)
               : "r"(rdi), "r"(rsi), "r"(rdx), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return number;
}

inline long direct_recv(int fd, void* data, std::size_t size, int flags) {
  return direct_call(SYS_recvfrom, fd, data, size, flags);
}
inline long direct_send(int fd, const void* data, std::size_t size, int flags) {
  return direct_call(SYS_sendto, fd, data, size, flags);
}
inline long direct_epoll_wait(int epfd, epoll_event* events, int size, int timeout) {
  return direct_call(SYS_epoll_wait, epfd, events, static_cast<std::size_t>(size), timeout);
}

#else

inline long direct_recv(int fd, void* data, std::size_t size, int flags) {
  const ssize_t count = ::recv(fd, data, size, flags);
  return count == -1 ? -errno : count;
}
inline long direct_send(int fd, const void* data, std::size_t size, int flags) {
  const ssize_t count = ::send(fd, data, size, flags);
  return count == -1 ? -errno : count;
}
inline long direct_epoll_wait(int epfd, epoll_event* events, int size, int timeout) {
  const int count = ::epoll_wait(epfd, events, size, timeout);
  return count == -1 ? -errno : count;
}

#endif

}  // namespace tocsin::internal
