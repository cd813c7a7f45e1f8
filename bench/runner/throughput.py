# SPDX-License-Identifier: MIT
"""Throughput of a 64-byte echo on one core, as the ratio to a raw C epoll loop.

Interleaved pairs: every server is fresh, pinned to one core, loaded from others; the figure is the
median of the pairs' ratios. The load says what share of its core the server used: below 0.95 the
server was not what was measured, and the note says so.
"""
from runner.figures import Row, interleaved, median, ratios, spread
from runner.processes import Failed
from runner.servers import OURS, PEERS, RAW, load

TITLE = "echo throughput on one core, relative to raw C (median of interleaved pairs)"
SATURATED = 0.95


class _Runs:
    """Measures one server again and again, and remembers the least of its CPU shares."""

    def __init__(self, context, echo, connections):
        self.least_cpu = 1.0
        self._context, self._echo, self._connections = context, echo, connections

    def __call__(self):
        seconds = 0.4 if self._context.quick else 1.0
        with self._echo.start(self._context) as server:
            result = load(self._context, server, "--connections", str(self._connections),
                          "--seconds", str(seconds), "--server-pid", str(server.pid), seconds=60)
        self.least_cpu = min(self.least_cpu, result["server_cpu"])
        return result["requests_per_second"]


def _against_raw(context, echo, connections, pairs, row):
    measured, floor = _Runs(context, echo, connections), _Runs(context, RAW, connections)
    of_echo, of_raw = interleaved(measured, floor, pairs)
    found = ratios(of_echo, of_raw)
    row.value = median(found)
    row.note = (f"{spread(found)}; {median(of_echo) / 1e3:.0f} against "
                f"{median(of_raw) / 1e3:.0f} k/s")
    least = min(measured.least_cpu, floor.least_cpu)
    if least < SATURATED:
        row.note += f"; SERVER NOT SATURATED ({least:.2f} of its core)"


def rows(context):
    for connections in (100, 1000):
        for echo in [OURS, *PEERS]:
            row = Row(f"{echo.name}, {connections:,} connections", unit="of raw C",
                      least=0.98 if echo.ours else None)
            pairs = (3 if context.quick else 10) if echo.ours else (1 if context.quick else 4)
            try:
                _against_raw(context, echo, connections, pairs, row)
            except Failed as reason:
                row.note = str(reason)
            yield row
