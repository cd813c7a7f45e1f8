// SPDX-License-Identifier: MIT
#include "tocsin/source/orphans.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

namespace tocsin {

Result<Orphans> Orphans::create(Loop& loop, std::source_location where) {
  auto signals = Signals::create(loop, {SIGCHLD}, where);
  if (!signals) return std::unexpected(signals.error());
  int before = 0;
  const auto asked =
      loop.kernel().prctl(PR_GET_CHILD_SUBREAPER, reinterpret_cast<unsigned long>(&before));
  if (!asked) return std::unexpected(asked.error());
  if (auto done = loop.kernel().prctl(PR_SET_CHILD_SUBREAPER, 1); !done)
    return std::unexpected(done.error());
  return Orphans(std::make_unique<State>(loop.kernel(), std::move(*signals), before != 0));
}

Orphans::State::~State() {
  static_cast<void>(kernel.prctl(PR_SET_CHILD_SUBREAPER, was_subreaper ? 1 : 0));
}

// The next orphan that has ended already. A Child that has ended on the way is told so.
Result<std::optional<Orphan>> Orphans::State::take() {
  while (true) {
    siginfo_t ended{};
    const auto waited = kernel.waitid(P_ALL, 0, ended, WEXITED | WNOHANG);
    if (!waited && waited.error() != Errno{ECHILD}) return std::unexpected(waited.error());
    if (!waited || ended.si_pid == 0) return std::nullopt;
    const ExitStatus status = ExitStatus::of(ended);
    internal::ChildState* known = nullptr;
    children.for_each([&](internal::ChildState& child) {
      if (child.pid == ended.si_pid) known = &child;
    });
    if (known == nullptr) return Orphan{.pid = ended.si_pid, .status = status};
    known->status = status;
    known->unlink();
  }
}

// One SIGCHLD may stand for many: all there are are taken before it is waited for the next.
Task<Result<Orphan>> Orphans::next_of(State& state) {
  while (true) {
    const auto orphan = state.take();
    if (!orphan) co_return std::unexpected(orphan.error());
    if (*orphan) co_return **orphan;
    const auto signal = co_await state.signals.next();
    if (!signal) co_return std::unexpected(signal.error());
  }
}

}  // namespace tocsin
