// SPDX-License-Identifier: MIT
#include "tocsin/vkern/signals.hpp"

#include <bit>
#include <cstring>
#include <mutex>
#include <vector>

#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {
namespace {

// What a fault raises is taken before anything that was sent.
constexpr SignalSet fault_signals = set_of(SIGSEGV) | set_of(SIGBUS) | set_of(SIGILL) |
                                    set_of(SIGTRAP) | set_of(SIGFPE) | set_of(SIGSYS);

constexpr SignalSet ignored_signals =
    set_of(SIGCHLD) | set_of(SIGURG) | set_of(SIGWINCH) | set_of(SIGCONT);

// What the C library keeps for itself: pthread_sigmask(3) blocks none of them (nptl(7)).
constexpr SignalSet c_library_signals = set_of(32) | set_of(33);

int first_of(SignalSet set) {
  if ((set & fault_signals) != 0) set &= fault_signals;
  return std::countr_zero(set) + 1;
}

}  // namespace

// The C library's type has room for 1,024 signals, and begins with the kernel's.
SignalSet from_sigset(const sigset_t& set) {
  SignalSet bits = 0;
  static_assert(sizeof set >= sizeof bits);
  std::memcpy(&bits, &set, sizeof bits);
  return bits;
}

void to_sigset(SignalSet set, sigset_t& into) {
  sigemptyset(&into);
  std::memcpy(&into, &set, sizeof set);
}

bool ends_process(int signal) { return (set_of(signal) & (ignored_signals | stop_signals)) == 0; }

signalfd_siginfo to_signalfd_siginfo(const SignalInfo& info) {
  signalfd_siginfo filled{};
  filled.ssi_signo = static_cast<std::uint32_t>(info.number);
  filled.ssi_code = info.code;
  filled.ssi_pid = static_cast<std::uint32_t>(info.pid);
  filled.ssi_status = info.status;
  filled.ssi_int = info.value.sival_int;
  filled.ssi_ptr = reinterpret_cast<std::uint64_t>(info.value.sival_ptr);
  return filled;
}

bool PendingSignals::add(const SignalInfo& info) {
  const SignalSet bit = set_of(info.number);
  if (info.number < first_realtime_signal && (pending_ & bit) != 0) return false;
  pending_ |= bit;
  queues_[info.number].push_back(info);
  return true;
}

std::optional<SignalInfo> PendingSignals::take(SignalSet of) {
  if (!any(of)) return std::nullopt;
  const auto found = queues_.find(first_of(pending_ & of));
  const SignalInfo info = found->second.front();
  found->second.pop_front();
  if (found->second.empty()) remove(set_of(info.number));
  return info;
}

void PendingSignals::remove(SignalSet of) {
  for (SignalSet left = pending_ & of; left != 0; left &= left - 1)
    queues_.erase(std::countr_zero(left) + 1);
  pending_ &= ~of;
}

// ---- being sent a signal ------------------------------------------------------------------------

template <class P>
bool Process<P>::receive(const SignalInfo& info) {
  if (state_.life != internal::Life::runs) return false;  // Dropped: who ends takes no signals.
  const SignalSet bit = set_of(info.number);
  if (info.number == SIGCONT) state_.pending.remove(stop_signals);
  if ((bit & stop_signals) != 0) state_.pending.remove(set_of(SIGCONT));
  if ((state_.blocked_now() & bit) == 0) return !is_init() && ends_process(info.number);
  if (state_.pending.add(info)) state_.signal_queue.wake(0);
  return false;
}

// What is pending and no longer blocked has its effect. Answers which one ends the process, or 0.
template <class P>
int Process<P>::take_fatal(SignalSet blocked) {
  while (const auto taken = state_.pending.take(~blocked))
    if (!is_init() && ends_process(taken->number)) return taken->number;
  return 0;
}

template <class P>
bool Process<P>::deliver_pending(SignalSet blocked) {
  int ended_by = 0;
  {
    const std::lock_guard lock(system_.process_lock());
    ended_by = take_fatal(blocked);
  }
  if (ended_by != 0) end(CLD_KILLED, ended_by);
  return ended_by == 0;
}

// ---- pthread_sigmask(3), kill(2) ----------------------------------------------------------------

template <class P>
Result<> Process<P>::pthread_sigmask(int how, const sigset_t* mask, sigset_t* before) {
  SignalSet blocked = 0;
  {
    const std::lock_guard lock(system_.process_lock());
    const SignalSet former = state_.blocked;
    if (mask != nullptr) {
      const SignalSet given = from_sigset(*mask) & ~(unblockable | c_library_signals);
      if (how == SIG_BLOCK)
        state_.blocked |= given;
      else if (how == SIG_UNBLOCK)
        state_.blocked &= ~given;
      else if (how == SIG_SETMASK)
        state_.blocked = given;
      else
        return std::unexpected(Errno::invalid);
    }
    if (before != nullptr) to_sigset(former, *before);
    blocked = state_.blocked;
  }
  deliver_pending(blocked);
  return {};
}

// Whom kill(2) means. Everybody is in one process group, which is init's.
template <class P>
std::vector<Process<P>*> Process<P>::addressed_by(pid_t pid) {
  std::vector<Process<P>*> whom;
  if (pid > 0) {
    if (Process<P>* const one = system_.find(pid)) whom.push_back(one);
  } else if (pid == 0 || pid == -1) {
    system_.for_each_process([&](Process<P>& one) {
      if (pid == 0 || (!one.is_init() && &one != this)) whom.push_back(&one);
    });
  }
  return whom;
}

template <class P>
Result<> Process<P>::kill(pid_t pid, int signal) {
  std::vector<Process<P>*> ended;
  {
    const std::lock_guard lock(system_.process_lock());
    const auto whom = addressed_by(pid);
    if (whom.empty()) return std::unexpected(Errno{ESRCH});
    if (signal != 0 && !is_signal(signal)) return std::unexpected(Errno::invalid);
    if (signal == 0) return {};  // Only whether there is somebody.
    for (Process<P>* const one : whom)
      if (one->receive({.number = signal, .code = SI_USER, .pid = pid_, .status = 0}))
        ended.push_back(one);
  }
  for (Process<P>* const one : ended) one->end(CLD_KILLED, signal);
  return {};
}

template <class P>
Result<> Process<P>::sigqueue(pid_t pid, int signal, sigval value) {
  Process* whom = nullptr;
  {
    const std::lock_guard lock(system_.process_lock());
    whom = pid > 0 ? system_.find(pid) : nullptr;
    if (whom == nullptr) return std::unexpected(Errno{ESRCH});
    if (signal != 0 && !is_signal(signal)) return std::unexpected(Errno::invalid);
    if (signal == 0) return {};
    const SignalInfo info{
        .number = signal, .code = SI_QUEUE, .pid = pid_, .status = 0, .value = value};
    if (!whom->receive(info)) return {};
  }
  whom->end(CLD_KILLED, signal);
  return {};
}

template Result<> Process<Single>::pthread_sigmask(int, const sigset_t*, sigset_t*);
template Result<> Process<Single>::kill(pid_t, int);
template Result<> Process<Single>::sigqueue(pid_t, int, sigval);
template bool Process<Single>::receive(const SignalInfo&);
template bool Process<Single>::deliver_pending(SignalSet);
template Result<> Process<Threads>::pthread_sigmask(int, const sigset_t*, sigset_t*);
template Result<> Process<Threads>::kill(pid_t, int);
template Result<> Process<Threads>::sigqueue(pid_t, int, sigval);
template bool Process<Threads>::receive(const SignalInfo&);
template bool Process<Threads>::deliver_pending(SignalSet);

}  // namespace tocsin::vkern
