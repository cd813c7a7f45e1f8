# SPDX-License-Identifier: MIT
"""Rows as SVG, by gnuplot: each figure with its interval as an error bar.

A row says where it belongs by its `point`: (plot, series, x). Of lines, x is a number, on a
logarithmic scale; of bars, a name.
"""
import os
import shutil
from dataclasses import dataclass

from runner.processes import Failed, run


@dataclass
class Plot:
    title: str
    of_y: str
    of_x: str = ""
    lines: bool = False
    log_y: bool = False


PLOTS = {
    "chain-1": Plot("A chain of socket pairs, 1 byte at a time", "time of an event / libev's",
                    "socket pairs", lines=True),
    "chain-100": Plot("A chain of socket pairs, 100 bytes at a time", "time of an event / libev's",
                      "socket pairs", lines=True),
    "chain-again": Plot("A chain of 100 bytes, every pair waited for again before each run",
                        "time of an event / libev's", "socket pairs", lines=True, log_y=True),
    "wake": Plot("Wake a loop from another thread, and be woken in return", "us, median"),
    "timers": Plot("Re-arm one of 100,000 timers", "ns, median", log_y=True),
    "post": Plot("Post to a loop from another thread", "ns, median"),
    "echo": Plot("Throughput of a 64-byte echo on one core", "of raw C"),
    "latency": Plot("Latency of a 64-byte echo, 99th percentile, by open loop", "us", log_y=True),
    "instructions": Plot("User-space instructions of a 64-byte echo", "instructions", log_y=True),
    "memory": Plot("Resident memory of an idle connection", "bytes"),
}

_HEAD = """set terminal svg size 900,520 noenhanced background rgb "white" font "sans,13"
set output "{path}"
set title "{title}"
set ylabel "{of_y}"
set xlabel "{of_x}"
set datafile missing "?"
set grid ytics
set key outside right top
set style fill solid 0.7 border -1
set linetype 9 lc rgb "#8c564b"
set linetype 10 lc rgb "#7f7f7f"
set linetype cycle 10
"""


def _quoted(text):
    return '"' + str(text).replace('"', "'") + '"'


def _blocks(rows):
    """{series: [(x, value, low, high)]}, in the order of the rows."""
    series = {}
    for row in rows:
        _, name, x = row.point
        low = row.value if row.low is None else row.low
        high = row.value if row.high is None else row.high
        series.setdefault(name, []).append((x, row.value, low, high))
    return series


def _aligned(series):
    """Bars stand where their line in the data says: every series has all names, in one order."""
    names = list(dict.fromkeys(point[0] for points in series.values() for point in points))
    return {name: [{point[0]: point for point in points}.get(x, (x, "?", "?", "?")) for x in names]
            for name, points in series.items()}


def _script(plot, path, rows):
    series = _blocks(rows) if plot.lines else _aligned(_blocks(rows))
    text = _HEAD.format(path=path, title=plot.title, of_y=plot.of_y, of_x=plot.of_x)
    if plot.lines:
        text += "set logscale x\nset offsets graph 0.05, graph 0.05, graph 0, graph 0\n"
    else:
        text += "set style data histograms\nset style histogram errorbars gap 2 lw 1\n"
        text += "set xtics rotate by -25\n"
    text += "set logscale y\n" if plot.log_y else "set yrange [0:*]\n"
    parts = []
    for number, (name, points) in enumerate(series.items()):
        lines = "\n".join(f"{x if plot.lines else _quoted(x)} {value} {low} {high}"
                          for x, value, low, high in points)
        text += f"$d{number} << EOD\n{lines}\nEOD\n"
        title = f"title {_quoted(name)}" if name else "notitle"
        parts.append(f"$d{number} using 1:2:3:4 with yerrorlines {title}" if plot.lines else
                     f"$d{number} using 2:3:4:xtic(1) {title}")
    return text + "plot " + ", \\\n  ".join(parts) + "\n"


def draw(rows, prefix, directory):
    """Draws whatever has rows with a value as PREFIX-plot.svg; returns [(title, path)]. Raises
    Failed if gnuplot is missing, or does not like it."""
    if shutil.which("gnuplot") is None:
        raise Failed("gnuplot is not installed (Debian: gnuplot-nox)")
    drawn = []
    for name, plot in PLOTS.items():
        found = [row for row in rows if row.point and row.point[0] == name
                 and row.value is not None]
        if not found:
            continue
        path = f"{prefix}-{name}.svg"
        script = os.path.join(directory, f"{name}.gnuplot")
        with open(script, "w", encoding="utf-8") as file:
            file.write(_script(plot, path, found))
        run(["gnuplot", script], 30)
        drawn.append((plot.title, path))
    return drawn
