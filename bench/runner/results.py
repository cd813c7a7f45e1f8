# SPDX-License-Identifier: MIT
"""What `peers` leaves behind: a document with the machine, the figures and the plots."""
import os
import time

from runner import machine
from runner.plots import draw
from runner.processes import Failed

PREFACE = """# {date}: Tocsin beside its peers

Written by `./dev bench peers{quick}`; bench/README.md says how each figure is taken, and
`95 %` is the interval in which its median is, by the bootstrap.{remark}
"""


def _table(title, rows):
    lines = [f"## {title[0].upper()}{title[1:]}", "", "| | figure | 95 % | target | | |",
             "|---|--:|---|---|---|---|"]
    for row in rows:
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in row.cells()) + " |")
    return "\n".join(lines) + "\n"


def _plots(rows, prefix, directory):
    try:
        drawn = draw(rows, prefix, directory)
    except Failed as reason:
        return f"No plots: {reason}.\n"
    return "\n".join(f"![{title}]({os.path.basename(path)})" for title, path in drawn) + "\n"


def write(context, lines, figures, interrupted, folder):
    """Writes FOLDER/<date>.md, with the plots beside it, and returns its path. `figures` are
    {name: (title, rows)}. A quick run is <date>-quick, so that it replaces no other."""
    date = time.strftime("%Y-%m-%d")
    os.makedirs(folder, exist_ok=True)
    prefix = os.path.join(folder, date + ("-quick" if context.quick else ""))
    remark = "\nThe run was interrupted: what is missing had not been measured." if interrupted \
        else ""
    if context.quick:
        remark += "\nA quick run: fewer values, and what did not fit into a minute is missing."
    parts = [PREFACE.format(date=date, quick=" --quick" if context.quick else "", remark=remark),
             "```\n" + "\n".join([*lines, *machine.mitigations()]) + "\n```\n"]
    every = [row for _, rows in figures.values() for row in rows]
    parts.append(_plots(every, prefix, context.directory))
    parts += [_table(title, rows) for title, rows in figures.values()]
    path = prefix + ".md"
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(parts))
    return path
