# SPDX-License-Identifier: MIT
"""Resident bytes per idle connection.

The private memory of the server (Private_Clean and Private_Dirty of /proc/PID/smaps_rollup) with
11,000 idle connections, less that with 1,000, divided by 10,000. Every connection has had one
64-byte echo before it fell silent: buffers that a server takes for its first read and does not give
back count. Sockets in the kernel do not: they are the same for all.
"""
import subprocess

from runner.figures import Row
from runner.processes import Failed, end, spawn
from runner.servers import ALL, load_program

TITLE = "resident bytes per idle connection (11,000 against 1,000)"
FEW = 1_000
MORE = 10_000


def _resident(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        sizes = [int(line.split()[1]) for line in file if line.startswith("Private_")
                 and not line.startswith("Private_Hugetlb")]
    return sum(sizes) * 1024


class _Idle:
    """`count` idle connections, open while the `with` lasts."""

    def __init__(self, context, server, count):
        self._command = [load_program(context), "--connect", server.address, "--hold",
                         "--idle", str(count)]
        self._child = None

    def __enter__(self):
        self._child = spawn(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
        if self._child.stdout.readline().strip() != "held":
            reason = self._child.stderr.read().strip()
            end(self._child)
            raise Failed(reason or "the load ended early")

    def __exit__(self, *_):
        end(self._child)


def _per_connection(context, echo):
    context.check_time()
    with echo.start(context) as server:
        with _Idle(context, server, FEW):
            few = _resident(server.pid)
            with _Idle(context, server, MORE):
                return (_resident(server.pid) - few) / MORE


def rows(context):
    for echo in ALL:
        row = Row(echo.name, unit="bytes", digits=0, most=500 if echo.ours else None,
                  point=("memory", "", echo.name))
        try:
            row.value = _per_connection(context, echo)
        except Failed as reason:
            row.note = str(reason)
        yield row
