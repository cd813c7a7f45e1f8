# SPDX-License-Identifier: MIT
"""Small programs, one per library, each of which prints one figure of its own: run in turn, again
and again, so that no library has the quiet minutes; the figure is the median."""
import os

from runner.figures import Row, median, spread
from runner.processes import Failed, run_json

NAMES = {"tocsin": "tocsin", "libev": "libev", "libuv": "libuv", "asio": "Asio"}


def _program(context, what, library):
    path = os.path.join(context.bin, "bench", f"{what}_{library}")
    if not os.access(path, os.X_OK):
        raise Failed(f"not built: bench/{what}_{library}")
    return path


def _measure(context, what, cpus, rounds):
    """{library: [result of each round]}, and {library: why there is none}."""
    results, missing = {library: [] for library in NAMES}, {}
    for _ in range(rounds):
        for library in NAMES:
            if library in missing:
                continue
            try:
                path = _program(context, what, library)
                results[library].append(run_json([path], 120, cpus))
            except Failed as reason:
                missing[library] = str(reason)
    return results, missing


def rows(context, what, cpus, most):
    """Rows of `ns` for every library; ours with its ceiling, then ours against the fastest."""
    results, missing = _measure(context, what, cpus, 3 if context.quick else 7)
    medians = {}
    for library, name in NAMES.items():
        row = Row(name, unit="ns", digits=1, most=most if library == "tocsin" else None)
        if library in missing:
            row.note = missing[library]
        else:
            values = [result["ns"] for result in results[library]]
            medians[library] = row.value = median(values)
            row.note = spread(values, 1)
            if "ns_run" in results[library][0]:
                done = median([result["ns_run"] for result in results[library]])
                row.note += f"; until the job has run: {done:.1f} ns each"
        yield row
    yield _against_fastest(medians, missing)


def _against_fastest(medians, missing):
    row = Row("tocsin, relative to the fastest peer", unit="of its time", most=1.0)
    peers = {library: value for library, value in medians.items() if library != "tocsin"}
    if "tocsin" not in medians:
        row.note = missing["tocsin"]
    elif not peers:
        row.note = "no peer was measured"
    else:
        fastest = min(peers, key=peers.get)
        row.value = medians["tocsin"] / peers[fastest]
        row.note = f"the fastest is {NAMES[fastest]}"
    return row
