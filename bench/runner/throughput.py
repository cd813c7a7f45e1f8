# SPDX-License-Identifier: MIT
"""Throughput of a 64-byte echo on one core, as the ratio to a raw C epoll loop.

Interleaved pairs: of each, both servers are fresh, pinned to the same core and loaded in turn, from
other cores; the figure is the median of the pairs' ratios. Pairs in which a server did not have its
core are measured again.
"""
from runner.figures import Row
from runner.processes import Failed
from runner.servers import OURS, PEERS, RAW, compare, speeds_in_turn

TITLE = "echo throughput on one core, relative to raw C (median of interleaved pairs)"


def rows(context):
    for connections in (100, 1000):
        for echo in [OURS, *PEERS]:
            row = Row(f"{echo.name}, {connections:,} connections", unit="of raw C",
                      least=0.98 if echo.ours else None,
                      point=("echo", echo.name, f"{connections:,} connections"))
            pairs = (3 if context.quick else 10) if echo.ours else (1 if context.quick else 4)
            arguments = ("--connections", str(connections))
            try:
                compare(context, row, lambda count, e=echo, a=arguments: [
                    speeds_in_turn(context, e, RAW, *a) for _ in range(count)], pairs)
            except Failed as reason:
                row.note = str(reason)
            yield row
