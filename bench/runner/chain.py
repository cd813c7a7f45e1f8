# SPDX-License-Identifier: MIT
"""The chain of socket pairs: bench/chain/chain.hpp says exactly what, and what is waiting again.

Every program runs alone on the server's core, in turn with the others; within a round, a program's
time is the median of its runs, and the ratio is that to libev's of the same round. A program never
sleeps, so a run that took longer than its CPU time did not have its core: then CPU times are
compared, and the note says so. Instructions and system calls are a long run minus a short one.
"""
import resource

from runner.counting import callgrind_total, strace_counts
from runner.figures import Row, median
from runner.micro import in_turn, program
from runner.processes import Failed, run_json

TITLE = "a byte through a chain of n socket pairs, a at a time, relative to libev"
NAMES = {
    "tocsin": "tocsin, coroutines",
    "tocsin_streams": "tocsin, a stream at both ends",
    "tocsin_watch": "tocsin, on_each(Watch)",
    "raw": "C, raw epoll",
    "raw_edge": "C, raw epoll, edge-triggered",
    "io_uring": "C, raw io_uring",
    "libev": "libev",
    "libuv": "libuv",
    "libevent": "libevent",
    "asio": "Asio, callbacks",
    "asio_coroutines": "Asio, coroutines",
}
PAIRS = (100, 1_000, 10_000)
SPARE = 100  # Descriptors for everything else.
HAD_CORE = 0.95
MOST = 0.8


def _sizes(context):
    """(how many pairs there are descriptors for, how many were wanted, active ones, again)."""
    limit = (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE) // 2
    if context.quick:
        return [(min(pairs, limit), pairs, 100, False) for pairs in PAIRS[:-1]]
    return [(min(pairs, limit), pairs, active, again) for active, again in
            ((1, False), (100, False), (100, True)) for pairs in PAIRS]


def _arguments(pairs, active, again):
    return ["--pairs", str(pairs), "--active", str(active), "--writes", str(max(pairs, 1_000)),
            *(["--again"] if again else [])]


def _time_rows(context, pairs, active, again):
    arguments = _arguments(pairs, active, again)
    runs = 5 if context.quick else 15

    def measure(library):
        return run_json([program(context, "chain", library), *arguments, "--runs", str(runs)], 120,
                        {context.cores.server})

    results, missing = in_turn(context, NAMES, 3 if context.quick else 9, measure)
    had_core = all(sum(one["cpu_ns"]) >= HAD_CORE * sum(one["ns"])
                   for of_one in results.values() for one in of_one)
    which = "ns" if had_core else "cpu_ns"
    times = {library: [median(one[which]) for one in results[library]] for library in NAMES}
    text = f"n = {pairs:,}, a = {active}" + (", waiting again" if again else "")
    for library, name in NAMES.items():
        row = Row(f"{text}: {name}", unit="of libev's time",
                  most=MOST if library == "tocsin" else None,
                  point=("chain-again" if again else f"chain-{active}", name, pairs))
        if library in missing or "libev" in missing:
            row.note = missing.get(library, missing.get("libev"))
        else:
            row.take([a / b for a, b in zip(times[library], times["libev"])],
                     f"{median(times[library]):,.0f} ns an event"
                     + ("" if had_core else " of CPU time"))
        yield row


def _count_rows(context):
    """Of 1,000 pairs, 100 active: what an event costs in user space, and system calls."""
    short, long = 2, 12
    base = _arguments(1_000, 100, False)
    for library, name in NAMES.items():
        def total(count, runs, at=library):
            return count(context, [program(context, "chain", at), *base, "--runs", str(runs)])

        row = Row(f"{name}: user-space instructions an event", digits=0)
        calls = Row(f"{name}: system calls an event", digits=3)
        events = 1_100 * (long - short)
        try:
            context.check_time()
            row.value = (total(callgrind_total, long) - total(callgrind_total, short)) / events
            found = {call: (count - total_short.get(call, 0)) / events
                     for total_short in [total(strace_counts, short)]
                     for call, count in total(strace_counts, long).items()}
            calls.value = sum(found.values())
            calls.note = ", ".join(f"{call} {count:.3f}" for call, count in found.items()
                                   if count >= 0.001)
        except Failed as reason:
            row.note = calls.note = str(reason)
        yield row
        yield calls


def rows(context):
    for pairs, wanted, active, again in _sizes(context):
        for row in _time_rows(context, pairs, active, again):
            if pairs < wanted:
                row.note += f"; not {wanted:,}: RLIMIT_NOFILE"
            yield row
    yield from _count_rows(context)
