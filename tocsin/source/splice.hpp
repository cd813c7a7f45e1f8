// SPDX-License-Identifier: MIT
//
// splice, tee, vmsplice: pages go into and out of pipes without passing through the program.
//
//     anything ── splice ──> pipe ── tee ──> another pipe
//     memory of ours ── vmsplice ──> pipe ── splice ──> anything
//
// One step each; `Copy` (copy.hpp) makes a whole copy of them. Two descriptors are waited for, and
// the kernel does not say which one an EAGAIN is about: poll(2) is asked, once, and that one waited
// for.
//
// A pipe or socket whose other end has gone is EPIPE, a value: no SIGPIPE is raised, though none of
// these calls has a flag against it (internal/without_signal.hpp).
//
// Ownership: sources and memory are the caller's, and outlive the await. Thread rule: the loop's
// thread.
#pragma once

#include <cstddef>

#include "tocsin/base/bytes.hpp"
#include "tocsin/source/fd_source.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

/// Moves up to `most` bytes from one to the other, at least one, and gives how many; 0 if `from`
/// has ended. Fails as splice(2): EINVAL if neither is a pipe, or one of them cannot be spliced;
/// EPIPE; ENOSYS where the kernel has no such call; ECANCELED, after which nothing was moved.
Task<Result<std::size_t>> splice(FdSource& from, FdSource& to, std::size_t most);

/// Duplicates up to `most` bytes of the pipe `from` into the pipe `to`, at least one, and gives how
/// many; 0 if `from` has ended. They stay in `from`: whoever does not take them from there gets
/// them again. Fails as `splice`, with EINVAL if one of the two is no pipe, or both the same.
Task<Result<std::size_t>> tee(FdSource& from, FdSource& to, std::size_t most);

/// Puts all of `bytes` into the pipe `to` without copying them. The pipe refers to the caller's
/// pages: who changes them before they were read at the other end, however far they have been
/// spliced by then, changes what is read there (vmsplice(2)). Fails as vmsplice(2): EBADF if `to`
/// is no pipe, EPIPE, ENOSYS; ECANCELED. After a failure a first part may have gone.
Task<Result<>> vmsplice(FdSource& to, ByteView bytes);

namespace internal {

/// After an EAGAIN that was about one of the two: tells that source that it is blocked.
void tell_who_is_blocked(FdSource& from, FdSource& to);

}  // namespace internal

}  // namespace tocsin
