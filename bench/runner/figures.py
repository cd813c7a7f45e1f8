# SPDX-License-Identifier: MIT
"""Rows: a figure, how sure it is, beside it its target and whether it was reached; their table."""
import random
from dataclasses import asdict, dataclass
from typing import Optional

# An interval wider than this share of its figure says more of the machine than of the figure.
NOISY = 0.25
FEW = 3  # Of fewer values there is no interval.


@dataclass
class Row:
    """One line of the report. `value` is None when the figure could not be taken: `note` says why.
    One that is not `reliable` is neither a pass nor a miss. A target is `least` (a floor) or `most`
    (a ceiling), in the unit of the value. `low` to `high` is the interval that the value is in,
    with 95 % confidence, where it is the median of several."""
    what: str
    value: Optional[float] = None
    unit: str = ""
    least: Optional[float] = None
    most: Optional[float] = None
    note: str = ""
    digits: int = 2
    reliable: bool = True
    low: Optional[float] = None
    high: Optional[float] = None
    parity: bool = False  # "No worse than": open as long as the interval includes the target.
    point: Optional[tuple] = None  # Where it is drawn: (plot, series, x); see plots.py.

    def take(self, values, note=""):
        """The median of `values` and its interval. If that is wide the machine is noisy, and the
        note says so; the row is sure nevertheless if all of the interval is on one side of the
        target."""
        self.value = median(values)
        self.note = note or spread(values, self.digits)
        if len(values) < FEW:
            return
        self.low, self.high = interval(values)
        if self.value and (self.high - self.low) / self.value > NOISY:
            self.note += f"; a noisy machine: +-{50 * (self.high - self.low) / self.value:.0f} %"
            limit = self.most if self.least is None else self.least
            self.reliable = limit is None or not self.low <= limit <= self.high

    @property
    def sure(self):
        """The interval as text."""
        if self.low is None or self.high is None:
            return ""
        return f"[{self.low:,.{self.digits}f}, {self.high:,.{self.digits}f}]"

    @property
    def target(self):
        if self.least is not None:
            return f">= {self.least:g}"
        if self.most is not None:
            return f"<= {self.most:g}"
        return ""

    @property
    def verdict(self):
        if self.least is None and self.most is None:
            return ""
        if self.value is None:
            return "no figure"
        if not self.reliable:
            return "unsure"
        limit = self.most if self.least is None else self.least
        if self.parity and self.low is not None and self.low <= limit <= self.high:
            return "unsure"
        if self.least is not None:
            return "pass" if self.value >= self.least else "MISS"
        return "pass" if self.value <= self.most else "MISS"

    def cells(self):
        figure = "-" if self.value is None else f"{self.value:,.{self.digits}f} {self.unit}".strip()
        return [self.what, figure, self.sure, self.target, self.verdict, self.note]

    def as_json(self):
        return {**asdict(self), "verdict": self.verdict}


def table(title, rows):
    """The rows as lines of text, columns aligned, under their title."""
    heads = ["", "figure", "95 %", "target", "", ""]
    cells = [heads] + [row.cells() for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(5)]
    lines = [f"== {title}"]
    for line in cells[0 if rows else 1:]:
        what, figure, sure, target, verdict, note = line
        lines.append(f"  {what:<{widths[0]}}  {figure:>{widths[1]}}  {sure:<{widths[2]}}  "
                     f"{target:<{widths[3]}}  {verdict:<{widths[4]}}  {note}".rstrip())
    return "\n".join(lines)


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def interval(values, resamples=2000):
    """Between what the median of `values` is with 95 % confidence, by the bootstrap: medians of
    `values` drawn again, with replacement. The same values give the same interval."""
    draw = random.Random(len(values))
    medians = sorted(median(draw.choices(values, k=len(values))) for _ in range(resamples))
    return medians[int(0.025 * resamples)], medians[int(0.975 * resamples)]


def spread(values, digits=2):
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}, {len(values)} x"


def interleaved(measure_a, measure_b, pairs):
    """`pairs` times a and b, one right after the other, the order turned round each time, so that
    neither the machine's mood nor a drift falls on one of them. Returns both lists."""
    of_a, of_b = [], []
    for i in range(pairs):
        if i % 2 == 0:
            of_a.append(measure_a())
            of_b.append(measure_b())
        else:
            of_b.append(measure_b())
            of_a.append(measure_a())
    return of_a, of_b


def ratios(of_a, of_b):
    return [a / b for a, b in zip(of_a, of_b)]
