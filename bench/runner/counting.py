# SPDX-License-Identifier: MIT
"""Counting what a program does from its start to its end: user-space instructions, by callgrind,
and system calls, by strace. Differences of two such counts are figures."""
import os
import shutil

from runner.processes import Failed, run

SECONDS = 180  # The limit of a run: valgrind makes it some fifty times slower.


def _need(tool):
    if shutil.which(tool) is None:
        raise Failed(f"{tool} is not installed")


def callgrind(path, command):
    """The command that runs `command` and leaves its counts at `path`."""
    _need("valgrind")
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={path}", *command]


def callgrind_total_of(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("totals:"):
                return int(line.split()[1])
    raise Failed("callgrind wrote no totals")


def strace(path, command):
    _need("strace")
    return ["strace", "-f", "-c", "-U", "name,calls", "-o", path, *command]


def strace_counts_of(path):
    """{system call: how many}."""
    counts = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if len(words) == 2 and words[1].isdigit() and words[0] != "total":
                counts[words[0]] = int(words[1])
    if not counts:
        raise Failed("strace counted nothing")
    return counts


def callgrind_total(context, command):
    path = os.path.join(context.directory, "callgrind.out")
    run(callgrind(path, command), SECONDS, {context.cores.server})
    return callgrind_total_of(path)


def strace_counts(context, command):
    path = os.path.join(context.directory, "strace.out")
    run(strace(path, command), SECONDS, {context.cores.server})
    return strace_counts_of(path)
