# SPDX-License-Identifier: MIT
"""Faults of descriptors, poll(2), select(2) and counters: what is looked at, in which order."""
from mutant import Mutant

_WAITING, _DESCRIPTORS, _EVENTFD = ("process_waiting.cpp", "process_descriptors.cpp",
                                    "eventfd.cpp")

PROCESS = [
    # ---- the order of errors --------------------------------------------------------------------
    Mutant("no-fault-for-null", "epoll_ctl: a null event is EFAULT", _WAITING,
           "  else if (event == nullptr)\n    return bad_address;\n", ""),
    Mutant("files-can-be-watched", "what cannot be waited for is EPERM", _WAITING,
           "if (!target->object().can_poll()) return std::unexpected(Errno::not_permitted);", ""),
    Mutant("epoll-before-target", "EPERM comes before EINVAL of what is no epoll", _WAITING,
           "if (!target->object().can_poll()) return std::unexpected(Errno::not_permitted);\n"
           "  Epoll<P>* const epoll = open->object().as_epoll();\n"
           "  if (epoll == nullptr || open.get() == target.get()) return invalid;",
           "Epoll<P>* const epoll = open->object().as_epoll();\n"
           "  if (epoll == nullptr || open.get() == target.get()) return invalid;\n"
           "  if (!target->object().can_poll()) return std::unexpected(Errno::not_permitted);"),
    Mutant("itself", "an epoll cannot watch itself", _WAITING,
           "if (epoll == nullptr || open.get() == target.get()) return invalid;",
           "if (epoll == nullptr) return invalid;"),
    Mutant("room-before-descriptor", "epoll_wait: EBADF comes before EINVAL (6.15)", _WAITING,
           "if (bad_room && !system_.options().profile.wait_checks_descriptor_first)",
           "if (bad_room)"),
    Mutant("no-room-is-fine", "epoll_wait: no room is EINVAL", _WAITING,
           "const bool bad_room = events.empty() ||", "const bool bad_room ="),
    Mutant("bad-nanoseconds", "a timespec has less than a second of nanoseconds", _WAITING,
           "time.tv_nsec < 1'000'000'000", "time.tv_nsec <= 1'000'000'000"),
    # ---- poll, select ---------------------------------------------------------------------------
    Mutant("poll-skips-none", "poll: a negative number answers nothing", _WAITING,
           "if (one.fd < 0) continue;\n    const Mask wanted", "const Mask wanted"),
    Mutant("select-takes-closed", "select: a closed descriptor is EBADF", _WAITING,
           "if (!descriptors_.is_taken(fd)) return bad_descriptor;\n    call.watch", "call.watch"),
    Mutant("select-negative", "select: a negative count is EINVAL", _WAITING,
           "if (nfds < 0) return invalid;", ""),
    Mutant("signal-before-ready", "what is ready comes before a signal that a mask lets through",
           _WAITING,
           "if (const std::size_t found = call.wait(at_once); found > 0) return found;", ""),
    Mutant("masked-signal-stays", "poll with a mask takes the signal that it lets through",
           _WAITING, "if (!signals.deliver()) return interrupted;", ""),
    Mutant("pwait-always-takes", "epoll_pwait that is not to wait leaves the signal", _WAITING,
           "|| deadline == at_once) return found;", ") return found;"),
    # ---- descriptors ----------------------------------------------------------------------------
    Mutant("dup3-same", "dup3 onto itself is EINVAL", _DESCRIPTORS,
           "|| from == to) return std::unexpected(Errno::invalid);",
           ") return std::unexpected(Errno::invalid);"),
    Mutant("dup2-same-closed", "dup2 of a closed descriptor onto itself is EBADF", _DESCRIPTORS,
           "if (!descriptors_.get(from)) return bad_descriptor;\n    return to;", "return to;"),
    Mutant("dup-keeps-cloexec", "F_DUPFD clears close-on-exec", _DESCRIPTORS,
           "descriptors_.add(std::move(open), command == F_DUPFD_CLOEXEC, argument)",
           "descriptors_.add(std::move(open), true, argument)"),
    Mutant("dupfd-lowest", "F_DUPFD does not go below its argument", _DESCRIPTORS,
           "command == F_DUPFD_CLOEXEC, argument);", "command == F_DUPFD_CLOEXEC, 0);"),
    Mutant("not-the-lowest", "a new descriptor is the lowest that is free", "fd_table.cpp",
           "const std::size_t index = lowest_free(least);",
           "const std::size_t index = lowest_free(std::max(least, highest_));"),
    Mutant("setfl-everything", "F_SETFL leaves the access mode", _DESCRIPTORS,
           "(open->flags() & ~changeable) | (argument & changeable)", "argument"),
    # ---- counters -------------------------------------------------------------------------------
    Mutant("eventfd-silent-write", "each write to a counter tells", _EVENTFD,
           "queue_.wake(EPOLLIN);", "if (added > 0) queue_.wake(EPOLLIN);"),
    Mutant("eventfd-silent-read", "each read of a counter tells OUT", _EVENTFD,
           "queue_.wake(EPOLLOUT);", ""),
    Mutant("eventfd-wrong-key", "a write to a counter tells IN, not OUT", _EVENTFD,
           "queue_.wake(EPOLLIN);", "queue_.wake(EPOLLIN | EPOLLOUT);"),
    Mutant("eventfd-full", "a counter holds 2^64 - 2", _EVENTFD,
           "if (most - count_ <= added) {", "if (most - count_ < added) {"),
    Mutant("eventfd-writable-when-full", "a full counter is not writable", _EVENTFD,
           "if (count_ < most - 1) ready |= EPOLLOUT;", "if (count_ < most) ready |= EPOLLOUT;"),
    Mutant("eventfd-rdnorm", "counters never say RDNORM", _EVENTFD,
           "if (count_ > 0) ready |= EPOLLIN;", "if (count_ > 0) ready |= EPOLLIN | EPOLLRDNORM;"),
    Mutant("semaphore-takes-all", "EFD_SEMAPHORE takes one", _EVENTFD,
           "is_semaphore_ ? 1 : count_", "count_"),
    Mutant("eventfd-all-ones", "writing 2^64 - 1 is EINVAL", _EVENTFD,
           "if (added == most) return std::unexpected(Errno::invalid);", ""),
]
