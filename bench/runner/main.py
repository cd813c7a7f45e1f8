# SPDX-License-Identifier: MIT
"""Arguments, the order of the figures, the report; and nothing left behind on any way out."""
import argparse
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile

from runner import machine, processes
from runner.figures import table

# In this order: what does not depend on the machine's mood first.
FIGURES = {
    "instructions": "instructions",
    "syscalls": "syscalls",
    "memory": "memory",
    "chain": "chain",
    "timers": "timers",
    "post": "post",
    "wake": "wake",
    "vkern": "vkern",
    "echo": "throughput",
    "idle": "idle",
    "serve": "serve",
}

HELP = """figures (all of them if none is named):
  instructions  user-space instructions per 64-byte echo, by callgrind
  syscalls      system calls and heap allocations per echo
  memory        resident bytes per idle connection
  chain         bytes through a chain of socket pairs, libevent's classic benchmark
  timers        re-arm one of 100,000 timers
  post          post to a loop from another thread
  wake          wake a loop from another thread, and be woken in return
  vkern         epoll in user space against the kernel's system calls
  echo          throughput on one core against raw C and the other libraries
  idle          100 busy connections beside 18,000 idle ones
  serve         `tocsin serve` against nginx, one worker each

What is missing (a tool, a program that was not built) is named in its row, and the run goes on.
"""


class Context:
    """What every figure is given."""

    def __init__(self, arguments, directory):
        self.bin = os.path.join(os.path.abspath(arguments.build), "bin")
        self.quick = arguments.quick
        self.cores = machine.Cores()
        self.directory = directory


def _figure(name):
    if name not in FIGURES:
        raise argparse.ArgumentTypeError(f"no such figure: {name} ({', '.join(FIGURES)})")
    return name


def _arguments():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser = argparse.ArgumentParser(
        prog="./dev bench", description="The figures of Tocsin beside those of its peers.",
        epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", metavar="FIGURE", type=_figure,
                        help=", ".join(FIGURES))
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    parser.add_argument("--build", metavar="DIR", default=os.path.join(root, "build", "release"),
                        help="the build to measure (build/release)")
    return parser.parse_args()


def _interrupt(number, _frame):
    raise KeyboardInterrupt(number)


def _raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # The servers inherit it.


def _measure(context, names, report):
    for name in names:
        module = importlib.import_module(f"runner.{FIGURES[name]}")
        rows = []
        for row in module.rows(context):
            rows.append(row)
            if sys.stderr.isatty():
                print(f"\r\033[K{name}: {row.what}", end="", file=sys.stderr, flush=True)
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        print(table(module.TITLE, rows), flush=True)
        print(flush=True)
        report["figures"][name] = [row.as_json() for row in rows]


def _summary(report):
    verdicts = [row["verdict"] for rows in report["figures"].values() for row in rows]
    kinds = ("pass", "MISS", "unsure", "no figure")
    return ", ".join(f"{verdicts.count(kind)} {kind}" for kind in kinds)


def main():
    """Returns the exit status: 0 if the run came to its end, whatever the figures are."""
    arguments = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    _raise_file_limit()
    directory = tempfile.mkdtemp(prefix="tocsin-bench-")
    status = 0
    try:
        context = Context(arguments, directory)
        lines = machine.header(context.cores)
        print("\n".join(lines) + "\n", flush=True)
        report = {"machine": lines, "quick": context.quick, "figures": {}}
        _measure(context, arguments.what or list(FIGURES), report)
        print(_summary(report))
        if arguments.json:
            with open(arguments.json, "w", encoding="utf-8") as file:
                json.dump(report, file, indent=2)
                file.write("\n")
    except KeyboardInterrupt:
        print("\nbench: interrupted", file=sys.stderr)
        status = 130
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # Cleaning up is short, and is not to be cut off.
        processes.end_all()
        shutil.rmtree(directory, ignore_errors=True)
    return status
