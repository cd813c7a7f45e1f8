# SPDX-License-Identifier: MIT
"""100 busy connections beside 18,000 idle ones, as the ratio to the 100 alone.

Interleaved pairs on fresh servers, as for throughput. Server and load each hold all the
connections' descriptors, so both need RLIMIT_NOFILE above 18,100; where the hard limit is lower,
fewer are idle and the row says so.
"""
import resource

from runner.figures import Row
from runner.processes import Failed
from runner.servers import OURS, RAW, compare, one_after_the_other, speed

TITLE = "100 busy connections beside 18,000 idle ones, relative to the 100 alone"
BUSY = 100
IDLE = 18_000
SPARE = 200  # Descriptors for everything else.


def rows(context):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    idle = min(IDLE, limit - BUSY - SPARE)
    busy = ("--connections", str(BUSY))
    for echo in (OURS, RAW):
        row = Row(echo.name, unit="of its speed alone", least=0.9 if echo.ours else None)
        try:
            compare(context, row, one_after_the_other(
                lambda e=echo: speed(context, e, *busy, "--idle", str(idle)),
                lambda e=echo: speed(context, e, *busy)), 2 if context.quick else 7)
            if idle < IDLE:
                row.note += f"; only {idle} idle: RLIMIT_NOFILE is {limit}"
        except Failed as reason:
            row.note = str(reason)
        yield row
