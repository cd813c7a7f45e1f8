# SPDX-License-Identifier: MIT
"""vkern beside the running kernel: bench/vkern/subjects.hpp says exactly what. `single` is vkern
for one thread, `threads` for any number."""
import os

from runner.figures import Row, median
from runner.processes import Failed, run_json

TITLE = "epoll in user space, beside the kernel's own system calls"

_SIZES = (10, 1_000, 100_000)

# (what, figure, subject, most, unit)
_ROWS = [
    ("eventfd write, epoll_wait, read", "message.10", "single", 40, "ns"),
    ("... any number of threads", "message.10", "threads", 150, "ns"),
    ("epoll_wait, nothing ready", "wait_nothing.10", "single", 8, "ns"),
    ("... any number of threads", "wait_nothing.10", "threads", None, "ns"),
    ("epoll_wait, one level-triggered ready", "wait_one.10", "single", 20, "ns"),
    ("... any number of threads", "wait_one.10", "threads", None, "ns"),
    ("epoll_ctl, MOD", "modify.10", "single", 10, "ns"),
    ("... any number of threads", "modify.10", "threads", None, "ns"),
    ("epoll_ctl, DEL and ADD", "remove_add.10", "single", 30, "ns"),
    ("... any number of threads", "remove_add.10", "threads", None, "ns"),
    ("two threads, there and back, spinning", "round_trip", "threads", 1_000, "ns"),
]
_FLAT = [("a message", "message"), ("MOD", "modify"), ("DEL and ADD", "remove_add")]
_MEMORY = [("memory of a registration", "bytes_per_registration", 128),
           ("memory of an eventfd, its descriptor included", "bytes_per_eventfd", 192)]


def _measure(context):
    path = os.path.join(context.bin, "bench", "vkern")
    if not os.access(path, os.X_OK):
        raise Failed("not built: bench/vkern")
    cpus = {context.cores.server, context.cores.load[-1]}
    return run_json([path, "3" if context.quick else "9"], 300, cpus)


# Half of a core's rounds being this much slower than its quickest tenth is somebody else's work on
# the other half of the core.
_DISTURBED = 1.25


def _quiet(rounds):
    return sorted(rounds)[len(rounds) // 10]


def _beside_linux(values, what, figure, subject, most, unit):
    ours = values[f"{figure}.{subject}"]
    row = Row(what, unit=unit, most=most, digits=1)
    row.take(ours, f"quickest tenth {_quiet(ours):,.1f}; the running kernel: "
             f"{median(values[f'{figure}.linux']):,.0f} {unit}")
    # It only ever adds: what is quick enough in spite of it is quick enough.
    row.reliable = most is None or row.value <= max(most, _DISTURBED * _quiet(ours))
    return row


def _parked(values):
    ours, linux = (values[f"round_trip_parked.{who}"] for who in ("threads", "linux"))
    row = Row("... parked, relative to the running kernel", unit="of its time", most=1.0)
    row.take([x / y for x, y in zip(ours, linux)],
             f"{median(ours) / 1000:.1f} us, the running kernel: {median(linux) / 1000:.1f} us")
    return row


def _flat(values, medians, what, figure, subject):
    times = [values[f"{figure}.{size}.{subject}"] for size in _SIZES]
    # Within a round, the machine is the same for each size.
    ratios = [median([x / y for x, y in zip(one, other)]) for one in times for other in times]
    linux = [medians.get(f"{figure}.{size}.linux") for size in _SIZES]
    return Row(f"{what} among 10, 1,000, 100,000: {subject}", max(ratios),
               "slowest by fastest", most=1.5,
               note=", ".join(f"{median(time):.1f}" for time in times) + " ns; the running kernel: "
               + ", ".join("-" if time is None else f"{time:.0f}" for time in linux) + " ns")


def rows(context):
    try:
        values = _measure(context)
    except Failed as reason:
        yield Row("vkern", note=str(reason))
        return
    medians = {figure: median(rounds) for figure, rounds in values.items()}
    for what, figure, subject, most, unit in _ROWS:
        yield _beside_linux(values, what, figure, subject, most, unit)
    yield _parked(values)
    for what, figure in _FLAT:
        for subject in ("single", "threads"):
            yield _flat(values, medians, what, figure, subject)
    for what, figure, most in _MEMORY:
        yield Row(what, medians[f"{figure}.single"], "bytes", most=most, digits=0,
                  note=f"any number of threads: {medians[f'{figure}.threads']:.0f} bytes")
