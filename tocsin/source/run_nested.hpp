// SPDX-License-Identifier: MIT
//
// run_nested: a loop inside another loop.
//
//     outer Loop ──> Watch of inner.fd() ──> [ run_nested ] ──> inner.run_once ──> its sources
//
// An epoll is a file that is readable while it has something to tell, so loops make a hierarchy:
// a library brings its own loop, or a group of sources gets budgets and counters of its own. The
// inner loop takes its turns in the outer's, on the same thread, one for each of the outer's while
// it has something to do, its timers included.
//
// Linux allows five epolls one inside the other, and no circle (epoll_ctl(2), ELOOP).
//
// Ownership: both loops are the caller's and outlive the task; the inner one ends after it, or
// before it begins. Thread rule: the outer loop's thread.
#pragma once

#include <string_view>

#include "tocsin/loop/loop.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

/// Runs `inner` in `outer` until `inner.stop()`, or until it is cancelled (ECANCELED); both loops
/// can be used again then. To be spawned in a Scope of `outer`. Fails at once with ELOOP if they
/// cannot be nested: `why_not_nested` tells the reason; with EOPNOTSUPP if `inner` has no
/// descriptor (io_uring), else as Watch::create and as Loop::run_once. Requires: `inner` does not
/// run.
Task<Result<>> run_nested(Loop& outer, Loop& inner);

/// Why run_nested failed at once with `error`, as a sentence, for errno's own for ELOOP speaks of
/// symbolic links. `error.message()` for all others.
std::string_view why_not_nested(const Loop& outer, const Loop& inner, Errno error);

}  // namespace tocsin
