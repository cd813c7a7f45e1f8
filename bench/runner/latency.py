# SPDX-License-Identifier: MIT
"""Latency of a 64-byte echo by open loop: so many messages a second, whatever the server does.

bench/load/schedule.hpp says why: a closed loop would ask nothing while the server stands still. The
rates are shares of what raw C does when it is saturated, measured first, so that all servers have
the same to do; a server that cannot keep up shows it. Every run has a fresh server, in turn with
the others; the percentiles are the medians of those of the runs.
"""
from runner.figures import Row, median
from runner.micro import in_turn
from runner.processes import Failed
from runner.servers import ALL, RAW, SATURATED, load, speed

TITLE = "latency of a 64-byte echo, 100 connections, by open loop: 99 % are answered within"
CONNECTIONS = ("--connections", "100")
SHARES = (0.5, 0.8)


def _saturated(context):
    """(requests a second of raw C, whether it had its core for them)."""
    runs = [speed(context, RAW, *CONNECTIONS) for _ in range(1 if context.quick else 5)]
    return median([rate for rate, _ in runs]), min(cpu for _, cpu in runs) >= SATURATED


def _run(context, echo, rate):
    with echo.start(context) as server:
        return load(context, server, "--rate", str(rate), "--server-pid", str(server.pid),
                    "--warm-up", "0.2", "--seconds", "0.3" if context.quick else "1.0",
                    *CONNECTIONS, seconds=60)


def _row(echo, share, rate, runs):
    row = Row(f"{echo.name}, {rate:,} a second", unit="us", digits=1,
              point=("latency", echo.name, f"{share:.0%} of what raw C can do"))

    def of(percentile):
        return median([run["latency_us"][percentile] for run in runs])

    row.take([run["latency_us"]["p99"] for run in runs],
             f"50 %: {of('p50'):,.1f}, 90 %: {of('p90'):,.1f}, 99.9 %: {of('p99.9'):,.1f} us; "
             f"{median([run['server_cpu'] for run in runs]):.2f} of its core")
    unanswered = sum(run["unanswered"] for run in runs)
    if unanswered:
        row.note += f"; {unanswered:,} had no answer in the end"
    return row


def rows(context):
    try:
        saturated, had_core = _saturated(context)
    except Failed as reason:
        yield Row("raw C, saturated", note=str(reason))
        return
    echoes = {echo.name: echo for echo in ALL}
    for share in SHARES:
        rate = round(share * saturated, -2)
        results, missing = in_turn(context, echoes, 3 if context.quick else 9,
                                   lambda name, at=rate: _run(context, echoes[name], at))
        for name, echo in echoes.items():
            if name in missing:
                yield Row(name, note=missing[name])
                continue
            row = _row(echo, share, int(rate), results[name])
            if not had_core:
                row.note += "; raw C was not saturated: others used the core"
            yield row
