# SPDX-License-Identifier: MIT
"""Faults of message queues, inotify, signalfd and pidfd: who is told, and what is said."""
from mutant import Mutant

_QUEUE, _INOTIFY, _SIGNALFD, _PIDFD = ("message_queue.cpp", "inotify.cpp", "signalfd.cpp",
                                       "pidfd.cpp")

OBJECTS = [
    # ---- message queues -------------------------------------------------------------------------
    Mutant("queue-silent-send", "a message tells", _QUEUE,
           "put(std::move(message), priority);\n  pollers_.wake(0);",
           "put(std::move(message), priority);"),
    Mutant("queue-send-with-key", "a message tells with key 0", _QUEUE,
           "put(std::move(message), priority);\n  pollers_.wake(0);",
           "put(std::move(message), priority);\n  pollers_.wake(EPOLLIN);"),
    Mutant("queue-silent-receive", "room in a queue tells", _QUEUE,
           "if (senders_.empty()) {\n    pollers_.wake(0);", "if (senders_.empty()) {"),
    Mutant("queue-writable-when-full", "a full queue is not writable", _QUEUE,
           "if (count_ < most_messages_) ready |=", "if (count_ <= most_messages_) ready |="),
    Mutant("queue-in-order-of-coming", "the highest priority is first", _QUEUE,
           "const auto first = messages_.begin();",
           "const auto first = std::prev(messages_.end());"),
    # ---- inotify --------------------------------------------------------------------------------
    Mutant("inotify-merges-nothing", "an event like the last is that one", _INOTIFY,
           "} else if (!events_.empty() && events_.back().is_same(event)) {\n    return;\n  }",
           "}"),
    Mutant("inotify-silent", "an event tells", _INOTIFY,
           "events_.push_back(std::move(event));\n  readable_.wake(0);",
           "events_.push_back(std::move(event));"),
    # ---- signals --------------------------------------------------------------------------------
    Mutant("signalfd-silent-mask", "a new mask tells", _SIGNALFD,
           "mask_ = mask;\n  process.state().signal_queue.wake(0);", "mask_ = mask;"),
    Mutant("signal-merged-tells", "a signal that is pending already tells nobody", "signals.cpp",
           "if (state_.pending.add(info)) state_.signal_queue.wake(0);",
           "static_cast<void>(state_.pending.add(info));\n  state_.signal_queue.wake(0);"),
    # ---- processes ------------------------------------------------------------------------------
    Mutant("pidfd-no-hangup", "a process that was waited for is HUP", _PIDFD,
           "if (state.life == Life::gone) return EPOLLIN | EPOLLRDNORM | EPOLLHUP;",
           "if (state.life == Life::gone) return EPOLLIN | EPOLLRDNORM;"),
    Mutant("pidfd-without-rdnorm", "a process that has ended is IN and RDNORM", _PIDFD,
           "if (state.life == Life::zombie) return EPOLLIN | EPOLLRDNORM;",
           "if (state.life == Life::zombie) return EPOLLIN;"),
]
