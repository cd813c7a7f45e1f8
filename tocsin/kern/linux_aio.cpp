// SPDX-License-Identifier: MIT
//
// Of LinuxKernel: the kernel's asynchronous I/O. The C library has no functions for these calls.
#include <sys/syscall.h>
#include <unistd.h>

#include "tocsin/kern/internal/linux_answer.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin {

using internal::count_or_errno;
using internal::nothing_or_errno;

Result<aio_context_t> LinuxKernel::io_setup(unsigned events) {
  aio_context_t context = 0;
  if (auto made = nothing_or_errno(::syscall(SYS_io_setup, events, &context)); !made)
    return std::unexpected(made.error());
  return context;
}

Result<> LinuxKernel::io_destroy(aio_context_t context) {
  return nothing_or_errno(::syscall(SYS_io_destroy, context));
}

Count LinuxKernel::io_submit(aio_context_t context, std::span<iocb* const> calls) {
  return count_or_errno(
      ::syscall(SYS_io_submit, context, static_cast<long>(calls.size()), calls.data()));
}

Count LinuxKernel::io_getevents(aio_context_t context, long least, std::span<io_event> into,
                                const timespec* timeout) {
  return count_or_errno(::syscall(SYS_io_getevents, context, least, static_cast<long>(into.size()),
                                  into.data(), timeout));
}

}  // namespace tocsin
