# SPDX-License-Identifier: MIT
"""100 busy connections beside 18,000 idle ones, as the ratio to the 100 alone.

Interleaved pairs on fresh servers, as for throughput. Server and load each hold all the
connections' descriptors, so both need RLIMIT_NOFILE above 18,100; where the hard limit is lower,
fewer are idle and the row says so.
"""
import resource

from runner.figures import Row, interleaved, median, ratios, spread
from runner.processes import Failed
from runner.servers import OURS, RAW, load

TITLE = "100 busy connections beside 18,000 idle ones, relative to the 100 alone"
BUSY = 100
IDLE = 18_000
SPARE = 200  # Descriptors for everything else.


def _speed(context, echo, idle):
    seconds = 0.4 if context.quick else 1.0
    with echo.start(context) as server:
        result = load(context, server, "--connections", str(BUSY), "--idle", str(idle),
                      "--seconds", str(seconds), "--server-pid", str(server.pid), seconds=90)
    return result["requests_per_second"]


def rows(context):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    idle = min(IDLE, limit - BUSY - SPARE)
    for echo in (OURS, RAW):
        row = Row(echo.name, unit="of its speed alone", least=0.9 if echo.ours else None)
        try:
            beside, alone = interleaved(lambda e=echo: _speed(context, e, idle),
                                        lambda e=echo: _speed(context, e, 0),
                                        2 if context.quick else 5)
            found = ratios(beside, alone)
            row.value = median(found)
            row.note = (f"{spread(found)}; {median(beside) / 1e3:.0f} against "
                        f"{median(alone) / 1e3:.0f} k/s")
            if idle < IDLE:
                row.note += f"; only {idle} idle: RLIMIT_NOFILE is {limit}"
        except Failed as reason:
            row.note = str(reason)
        yield row
