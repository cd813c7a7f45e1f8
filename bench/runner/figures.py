# SPDX-License-Identifier: MIT
"""Rows: a figure, beside it its target and whether it was reached; and their table."""
from dataclasses import asdict, dataclass
from typing import Optional


@dataclass
class Row:
    """One line of the report. `value` is None when the figure could not be taken: `note` says why.
    One that is not `reliable` is neither a pass nor a miss. A target is `least` (a floor) or `most`
    (a ceiling), in the unit of the value."""
    what: str
    value: Optional[float] = None
    unit: str = ""
    least: Optional[float] = None
    most: Optional[float] = None
    note: str = ""
    digits: int = 2
    reliable: bool = True

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
        if self.least is not None:
            return "pass" if self.value >= self.least else "MISS"
        return "pass" if self.value <= self.most else "MISS"

    def cells(self):
        figure = "-" if self.value is None else f"{self.value:,.{self.digits}f} {self.unit}".strip()
        return [self.what, figure, self.target, self.verdict, self.note]

    def as_json(self):
        return {**asdict(self), "verdict": self.verdict}


def table(title, rows):
    """The rows as lines of text, columns aligned, under their title."""
    heads = ["", "figure", "target", "", ""]
    cells = [heads] + [row.cells() for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(4)]
    lines = [f"== {title}"]
    for line in cells[0 if rows else 1:]:
        what, figure, target, verdict, note = line
        lines.append(f"  {what:<{widths[0]}}  {figure:>{widths[1]}}  {target:<{widths[2]}}  "
                     f"{verdict:<{widths[3]}}  {note}".rstrip())
    return "\n".join(lines)


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


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
