# SPDX-License-Identifier: MIT
"""User-space instructions per 64-byte echo, by callgrind.

The difference of a long and a short run, over the same number of connections, divided by the
difference of their round trips: start, accepts, closes and the end fall out. 50 connections, so
that each echo pays for 1/50 of an epoll_wait and of what the library does around it, as it does on
a busy server; with 1 connection every echo would pay for a whole turn of the loop. How many are
ready at once must not depend on who else uses the machine: server and load share one core, and the
server is SCHED_BATCH, which does not preempt, so the load answers all before the server goes on.
"""
import os

from runner.counting import callgrind, callgrind_total_of
from runner.figures import Row
from runner.processes import Failed, Server
from runner.servers import ALL, load

TITLE = "user-space instructions per 64-byte echo (callgrind, long run minus short run)"
CONNECTIONS = 50
SHORT = 2_000
LONG = 22_000  # With --quick too: over shorter runs the first rounds show.


def _total(context, echo, requests):
    out = os.path.join(context.directory, f"callgrind.{requests}")
    command = callgrind(out, echo.command(context))
    with Server(echo.name, command, context, batch=True) as server:
        load(context, server, "--connections", str(CONNECTIONS), "--requests", str(requests),
             seconds=180, cpus=[context.cores.server])
    return callgrind_total_of(out)


def _per_echo(context, echo):
    context.check_time()
    return (_total(context, echo, LONG) - _total(context, echo, SHORT)) / (LONG - SHORT)


def rows(context):
    for echo in ALL:
        row = Row(echo.name, unit="instructions", digits=0, most=200 if echo.ours else None,
                  point=("instructions", "", echo.name))
        try:
            row.value = _per_echo(context, echo)
        except Failed as reason:
            row.note = str(reason)
        yield row
