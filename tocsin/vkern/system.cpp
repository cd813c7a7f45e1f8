// SPDX-License-Identifier: MIT
#include "tocsin/vkern/system.hpp"

#include <sys/stat.h>

#include "tocsin/base/check.hpp"
#include "tocsin/vkern/file_system.hpp"
#include "tocsin/vkern/message_queue.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {

template <class P>
System<P>::System(const SystemOptions& options)
    : options_(options),
      files_(std::make_unique<FileSystem<P>>(*this)),
      message_queues_(std::make_unique<MessageQueues<P>>(options.is_privileged)) {
  processes_.push_back(std::make_unique<Process<P>>(*this, 1));
  init_ = processes_.front().get();
  // As every machine, it has a place for names that are nobody's.
  const std::lock_guard lock(files_->lock());
  const auto made = files_->make({.at = Ref(files_->root())}, "/tmp", S_IFDIR | 01777);
  CHECK(made.has_value(), "the tree of files begins empty");
}

// Fibers end first, while there still is what they hold; real threads are their owner's, who has
// joined them. Then everything is closed before the first process goes: what is open in one may
// refer to another.
template <class P>
System<P>::~System() {
  if constexpr (requires { world_.end_threads(); }) world_.end_threads();
  for (const auto& process : processes_) process->descriptors().close_all();
}

// ---- processes ----------------------------------------------------------------------------------

template <class P>
Process<P>* System<P>::find(pid_t pid) {
  if (pid <= 0 || static_cast<std::size_t>(pid) > processes_.size()) return nullptr;
  Process<P>* const process = processes_[static_cast<std::size_t>(pid) - 1].get();
  return process->state().life == internal::Life::gone ? nullptr : process;
}

// A process that has ended meanwhile leaves its child to init.
template <class P>
Process<P>& System<P>::fork(Process<P>& parent) {
  const std::lock_guard lock(process_lock_);
  const auto pid = static_cast<pid_t>(processes_.size() + 1);
  processes_.push_back(std::make_unique<Process<P>>(parent, pid));
  Process<P>& child = *processes_.back();
  const bool is_orphan = parent.state().life != internal::Life::runs;
  if (is_orphan) child.state().parent = init_;
  child.state().parent->state().children.push_back(&child);
  return child;
}

// ---- clocks -------------------------------------------------------------------------------------

template <class P>
void System<P>::step_realtime(Duration by) {
  const std::lock_guard lock(clock_lock_);
  world_.step_realtime(by);
  realtime_steps_ += by;
  clock_followers_.for_each([&](ClockFollower& one) { one.clock_was_set(by, realtime_steps_); });
}

// ---- epolls -------------------------------------------------------------------------------------

template <class P>
bool System<P>::count_watch() {
  const std::lock_guard lock(watches_lock_);
  if (watches_ >= options_.most_watches) return false;
  ++watches_;
  return true;
}

template <class P>
void System<P>::uncount_watch() {
  const std::lock_guard lock(watches_lock_);
  --watches_;
}

template class System<Single>;
template class System<Threads>;

}  // namespace tocsin::vkern
