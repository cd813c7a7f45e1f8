// SPDX-License-Identifier: MIT
//
// Orphans: processes that have lost their parent and ended here; what PID 1 has to clear away.
//
//     their parent ends ──> this process is their parent ──> [ Orphans ] ──> co_await
//     orphans.next()
//
// A process that ends stays in the table of processes until its parent has waited for it. If that
// is gone, init becomes its parent, or the nearest ancestor that has asked for it
// (PR_SET_CHILD_SUBREAPER, prctl(2)): from here on this process. PID 1 of a container has no
// choice, and one that does not do it fills the table.
//
// Nothing tells an orphan from a child that some library here has started. So this waits for every
// child there is: those that are somebody's are told of in ChildOptions::orphans, and then get
// their status from here. A program that has Orphans starts its children by Child only.
//
// Ownership: it owns the subreaping, and the signal SIGCHLD of this thread (Signals); no handler is
// installed. It can be moved while somebody waits. The loop must outlive it, and the Children that
// know of it live in the same loop. Thread rule: the loop's thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <source_location>
#include <utility>

#include "tocsin/source/child.hpp"
#include "tocsin/source/signals.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

struct Orphan {
  pid_t pid = 0;  // Names it to people; by now it may be somebody else's.
  ExitStatus status;
};

class Orphans {
 public:
  /// From here on orphans come to this process. Fails as Signals::create; after a failure nothing
  /// has changed.
  static Result<Orphans> create(Loop& loop,
                                std::source_location where = std::source_location::current());

  /// Waits for the next orphan that has ended, and clears it away. Fails with ECANCELED only, after
  /// which nothing is lost. One at a time.
  Task<Result<Orphan>> next() { return next_of(*state_); }

 private:
  friend class Child;
  struct State {
    State(Kernel& its_kernel, Signals its_signals, bool before)
        : kernel(its_kernel), signals(std::move(its_signals)), was_subreaper(before) {}
    ~State();
    Result<std::optional<Orphan>> take();

    Kernel& kernel;
    Signals signals;
    bool was_subreaper;
    List<internal::ChildState> children;  // Which are nobody's orphans.
  };

  explicit Orphans(std::unique_ptr<State> state) : state_(std::move(state)) {}
  static Task<Result<Orphan>> next_of(State& state);
  void add(internal::ChildState& child) { state_->children.push_back(child); }

  std::unique_ptr<State> state_;
};

}  // namespace tocsin
