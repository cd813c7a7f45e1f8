# SPDX-License-Identifier: MIT
"""Waking a loop from another thread, there and back: bench/wake/round_trip.hpp says exactly what.

Most of a round trip is the machine getting two cores out of their sleep, the same for all who
sleep; so the programs take many short turns, and beside the times stand what does not depend on the
machine: user instructions and system calls of a round trip, a long run minus a short one.

Tocsin's loops look on for a while before they sleep, once that pays, and keep a processor busy
meanwhile (LoopOptions::look_on): so it stands there a second time, without. Under callgrind one
thread runs at a time, and under strace each call takes long: there looking on does not pay, and the
counts are those of loops that sleep.
"""
from runner.counting import callgrind_total, strace_counts
from runner.figures import Row
from runner.micro import against_fastest, in_turn, program
from runner.processes import Failed, run_json

TITLE = "wake a loop from another thread, and be woken in return"
NAMES = {"tocsin": "tocsin", "tocsin_asleep": "tocsin, look_on = 0", "raw": "C, eventfd and epoll",
         "libev": "libev", "libuv": "libuv", "libevent": "libevent", "asio": "Asio"}
SHORT = 1_000
LONG = 6_000


def _times(context):
    rounds = 1_000 if context.quick else 3_000
    cpus = {context.cores.server, context.cores.load[-1]}
    return in_turn(context, NAMES, 7 if context.quick else 31, lambda library: run_json(
        [program(context, "wake", library), "--rounds", str(rounds)], 120, cpus))


def _counts(context, library):
    """(instructions, {system call: how many}) of a round trip."""
    def difference(count):
        short, long = (count([program(context, "wake", library), "--rounds", str(rounds)])
                       for rounds in (SHORT, LONG))
        return short, long

    short, long = difference(lambda command: callgrind_total(context, command))
    calls_short, calls_long = difference(lambda command: strace_counts(context, command))
    each = {call: (count - calls_short.get(call, 0)) / (LONG - SHORT)
            for call, count in calls_long.items()}
    return (long - short) / (LONG - SHORT), each


def rows(context):
    results, missing = _times(context)
    values = {library: [one["ns"] / 1e3 for one in results[library]]
              for library in NAMES if library not in missing}
    for library, name in NAMES.items():
        row = Row(name, unit="us", digits=1, point=("wake", "", name))
        if library in missing:
            row.note = missing[library]
        else:
            row.take(values[library])
        yield row
    peers = {library: times for library, times in values.items() if library != "raw"}
    yield against_fastest("tocsin", NAMES, peers, missing, parity=True)
    for library, name in NAMES.items():
        row = Row(f"{name}: user-space instructions", digits=0)
        calls = Row(f"{name}: system calls", digits=2)
        try:
            context.check_time()
            row.value, each = _counts(context, library)
            calls.value = sum(each.values())
            calls.note = ", ".join(f"{call} {count:.2f}" for call, count in sorted(each.items())
                                   if count >= 0.01)
        except Failed as reason:
            row.note = calls.note = str(reason)
        yield row
        yield calls
