# SPDX-License-Identifier: MIT
"""System calls and heap allocations per 64-byte echo, in steady state.

Both are differences of a long and a short run over the same number of connections, so that
accepting, registering and closing fall out. System calls are counted by strace -c, allocations by
an LD_PRELOAD library of ours, in runs of their own. The share of epoll_wait depends on how many
connections a wait finds ready, which is why it has no target but 1.
"""
import os

from runner.counting import strace, strace_counts_of
from runner.figures import Row
from runner.processes import Failed, Server
from runner.servers import ALL, load

TITLE = "system calls and heap allocations per 64-byte echo (long run minus short run)"
CONNECTIONS = 50
SHORT = 2_000
LONG = 12_000

FAMILIES = {
    "recv": {"read", "readv", "recvfrom", "recvmsg"},
    "send": {"write", "writev", "sendto", "sendmsg"},
    "wait": {"epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6",
             "io_uring_enter"},
    "epoll_ctl": {"epoll_ctl"},
}


def _calls(context, echo, requests):
    out = os.path.join(context.directory, f"strace.{requests}")
    command = strace(out, echo.command(context))
    with Server(echo.name, command, context, traced=True) as server:
        load(context, server, "--connections", str(CONNECTIONS), "--requests", str(requests),
             seconds=120)
    return strace_counts_of(out)


def _calls_per_echo(context, echo):
    context.check_time()
    short, long = _calls(context, echo, SHORT), _calls(context, echo, LONG)
    found = dict.fromkeys([*FAMILIES, "other"], 0.0)
    for name in short.keys() | long.keys():
        family = next((key for key, names in FAMILIES.items() if name in names), "other")
        found[family] += (long.get(name, 0) - short.get(name, 0)) / (LONG - SHORT)
    return found


def _counter(path):
    with open(path, "rb") as file:
        return int.from_bytes(file.read(8), "little")


def _allocations_per_echo(context, echo):
    context.check_time()
    library = os.path.join(context.bin, "bench/libcount_mallocs.so")
    if not os.path.exists(library):
        raise Failed("not built: bench/libcount_mallocs.so")
    path = os.path.join(context.directory, "mallocs")
    environment = {"LD_PRELOAD": library, "MALLOC_COUNT": path}
    if os.path.exists(path):
        os.unlink(path)

    def count(server, requests):
        before = _counter(path)
        load(context, server, "--connections", str(CONNECTIONS), "--requests", str(requests),
             seconds=60)
        return _counter(path) - before

    with echo.start(context, environment=environment) as server:
        count(server, SHORT)  # Tables grow to their size.
        short = count(server, SHORT)
        return (count(server, LONG) - short) / (LONG - SHORT)


def _rows_of_calls(echo, found):
    """One row of all for a peer; ours is judged call by call."""
    text = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
    if not echo.ours:
        yield Row(f"{echo.name}: system calls", sum(found.values()), note=text)
        return
    both = found["recv"] + found["send"] + found["other"]
    # The bytes may come in two pieces once in a while; 1 in 1,000 is not a habit.
    yield Row(f"{echo.name}: recv, send, others", both, most=2.002, digits=3, note=text)
    yield Row(f"{echo.name}: share of epoll_wait", found["wait"], most=1.0, digits=3)
    yield Row(f"{echo.name}: epoll_ctl", found["epoll_ctl"], most=0.0, digits=3)


def rows(context):
    for echo in ALL:
        try:
            yield from _rows_of_calls(echo, _calls_per_echo(context, echo))
        except Failed as reason:
            yield Row(f"{echo.name}: system calls", most=2.002 if echo.ours else None,
                      note=str(reason))
        row = Row(f"{echo.name}: heap allocations", most=0.0 if echo.ours else None, digits=3)
        try:
            row.value = _allocations_per_echo(context, echo)
        except Failed as reason:
            row.note = str(reason)
        yield row
