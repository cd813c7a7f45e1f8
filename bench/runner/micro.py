# SPDX-License-Identifier: MIT
"""Small programs, one per library, each of which prints one figure of its own: run in turn, again
and again, so that no library has the quiet minutes; the figure is the median."""
import os

from runner.figures import Row, median
from runner.processes import Failed, run_json

NAMES = {"tocsin": "tocsin", "libev": "libev", "libuv": "libuv", "asio": "Asio"}


def program(context, what, library):
    path = os.path.join(context.bin, "bench", f"{what}_{library}")
    if not os.access(path, os.X_OK):
        raise Failed(f"not built: bench/{what}_{library}")
    return path


def in_turn(context, libraries, rounds, measure):
    """`rounds` times `measure(library)` of each, fewer if the time is over: {library: [a result of
    each round]}, and {library: why there is none}."""
    results, missing = {library: [] for library in libraries}, {}
    for done in range(rounds):
        if done > 0 and context.is_over():
            break
        for library in libraries:
            if library in missing:
                continue
            context.tell(f"{library}, {done + 1} of {rounds}")
            try:
                if done == 0:
                    context.check_time()
                results[library].append(measure(library))
            except Failed as reason:
                missing[library] = str(reason)
    return results, missing


def rows(context, what, cpus, most):
    """Rows of `ns` for every library; ours with its ceiling, then ours against the fastest."""
    results, missing = in_turn(
        context, NAMES, 3 if context.quick else 7,
        lambda library: run_json([program(context, what, library)], 120, cpus))
    values = {library: [result["ns"] for result in results[library]]
              for library in NAMES if library not in missing}
    for library, name in NAMES.items():
        row = Row(name, unit="ns", digits=1, most=most if library == "tocsin" else None,
                  point=(what, "", name))
        if library in missing:
            row.note = missing[library]
        else:
            row.take(values[library])
            if "ns_run" in results[library][0]:
                done = median([result["ns_run"] for result in results[library]])
                row.note += f"; until the job has run: {done:.1f} ns each"
        yield row
    yield against_fastest("tocsin", NAMES, values, missing)


def against_fastest(ours, names, values, missing, parity=False):
    """The ratio of `ours` to the fastest of the others, within each round."""
    row = Row(f"{names[ours]}, relative to the fastest peer", unit="of its time", most=1.0,
              parity=parity)
    peers = {library: median(times) for library, times in values.items()
             if not library.startswith("tocsin")}
    if ours not in values:
        row.note = missing[ours]
    elif not peers:
        row.note = "no peer was measured"
    else:
        fastest = min(peers, key=peers.get)
        row.take([a / b for a, b in zip(values[ours], values[fastest])])
        row.note += f"; the fastest is {names[fastest]}"
    return row
