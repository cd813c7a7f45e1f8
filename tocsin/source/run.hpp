// SPDX-License-Identifier: MIT
//
// run: a program around a coroutine, from its start to its graceful end.
//
//     main ──> [ run ] ──> Loop, Scope ──> body(loop) ──> its Result ──> the exit status
//                 └─ SIGINT, SIGTERM: the first one cancels the body, the second one destroys it
//
// It prints nothing: main does, and decides on the exit status.
//
// Ownership: the loop, the body and its task are run's, and gone when it returns. Thread rule: one
// call a thread at a time; call it before other threads are started (see Signals).
#pragma once

#include <functional>

#include "tocsin/loop/loop.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

/// What `run` runs: kept until its task has ended, so a coroutine lambda may use its captures.
using Body = std::move_only_function<Task<Result<>>(Loop&)>;

/// Makes a loop, runs `body` in it, and gives what the body gives. The first SIGINT or SIGTERM
/// cancels the body, which goes on until it has cleaned up; if it then gives ECANCELED, it has done
/// as it was told, and run succeeds. A second one destroys whatever still runs: ECANCELED.
///
/// Standard input and outputs that are closed stay so (EBADF), and their numbers nobody else's: see
/// StandardDescriptors.
///
/// Meanwhile SIGPIPE is blocked in this thread: sendfile(2) has no MSG_NOSIGNAL. What was raised is
/// discarded, and the mask restored, before run returns; a caller who had blocked it already may
/// find one pending.
///
/// Fails besides as Loop::create, Loop::run and Signals::create do. An exception that leaves the
/// body comes out of here.
Result<> run(Body body, Kernel& kernel = LinuxKernel::shared(), const LoopOptions& options = {});

}  // namespace tocsin
