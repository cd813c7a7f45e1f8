# SPDX-License-Identifier: MIT
"""Arguments, the order of the figures, the report; and nothing left behind on any way out."""
import argparse
import functools
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time

from runner import machine, processes, results
from runner.figures import table
from runner.progress import Progress

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
    "latency": "latency",
    "idle": "idle",
    "serve": "serve",
}

# `peers`: everything that has a peer, and a document about it.
PEERS = ["instructions", "chain", "wake", "echo", "latency", "syscalls", "memory", "timers", "post",
         "serve"]
QUICK_SECONDS = 45  # A row is not cut off in the middle: that comes to less than 60.

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
  latency       latency of an echo by open loop, at 50 and 80 % of what raw C can do
  idle          100 busy connections beside 18,000 idle ones
  serve         `tocsin serve` against nginx, one worker each

peers: all of these that have a peer; writes bench/results/<date>.md, with plots. With --quick it
ends within a minute, and what does not fit is left out. On Ctrl-C, what there is is written.

What is missing (a tool, a program that was not built) is named in its row, and the run goes on.
"""


class Context:
    """What every figure is given."""

    def __init__(self, arguments, directory):
        self.bin = os.path.join(os.path.abspath(arguments.build), "bin")
        self.quick = arguments.quick
        self.cores = machine.Cores()
        self.directory = directory
        self.until = float("inf")  # When the figure that is being taken should be complete.
        self.tell = lambda what: None  # Says what is being done at present, if somebody looks on.

    def is_over(self):
        return time.monotonic() > self.until

    def check_time(self):
        """Before anything that takes long: raises Failed, the reason in the row, if it is over."""
        if self.is_over():
            raise processes.Failed("left out: its time was over")


def _figure(name):
    if name != "peers" and name not in FIGURES:
        raise argparse.ArgumentTypeError(f"no such figure: {name} (peers, {', '.join(FIGURES)})")
    return name


def _arguments():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser = argparse.ArgumentParser(
        prog="./dev bench", description="The figures of Tocsin beside those of its peers.",
        epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", metavar="FIGURE", type=_figure,
                        help="peers, " + ", ".join(FIGURES))
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    parser.add_argument("--build", metavar="DIR", default=os.path.join(root, "build", "release"),
                        help="the build to measure (build/release)")
    parser.add_argument("--seconds", metavar="S", type=float,
                        help="leave out what does not fit into so many (peers --quick: 45)")
    parser.add_argument("--results", metavar="DIR", default=os.path.join(root, "bench", "results"),
                        help="where `peers` writes its document (bench/results)")
    return parser.parse_args()


def _interrupt(number, _frame):
    raise KeyboardInterrupt(number)


def _raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # The servers inherit it.


def _measure(context, names, seconds, figures):
    """Takes the figures `names` and puts them into `figures` as {name: (title, rows)}, those of an
    interrupted one, too. If `seconds` is a limit, each has its share of it."""
    progress = Progress(names, context.quick)
    end = time.monotonic() + seconds
    for name in names:
        module = importlib.import_module(f"runner.{FIGURES[name]}")
        context.until = time.monotonic() + progress.share(name, end - time.monotonic())
        context.tell = functools.partial(progress.tell, name)
        rows = []
        try:
            for row in module.rows(context):
                rows.append(row)
                context.tell(row.what)
        finally:
            progress.done(name)
            figures[name] = module.TITLE, rows
            print(table(module.TITLE, rows) + "\n", flush=True)


def _summary(figures):
    verdicts = [row.verdict for _, rows in figures.values() for row in rows]
    kinds = ("pass", "MISS", "unsure", "no figure")
    return ", ".join(f"{verdicts.count(kind)} {kind}" for kind in kinds)


def _write_json(path, report):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=2)
        file.write("\n")


def _report(context, arguments, lines, figures, interrupted):
    """What is written in the end, also of what was interrupted."""
    print(_summary(figures))
    if arguments.json:
        _write_json(arguments.json, {
            "machine": lines, "quick": context.quick, "interrupted": interrupted,
            "figures": {name: [row.as_json() for row in rows]
                        for name, (_, rows) in figures.items()}})
    if "peers" in arguments.what:
        print("written:", results.write(context, lines, figures, interrupted, arguments.results))


def _run(context, arguments):
    """Returns the exit status."""
    wanted = arguments.what or list(FIGURES)
    names = PEERS if "peers" in wanted else wanted
    limit = arguments.seconds
    if limit is None:
        limit = QUICK_SECONDS if "peers" in wanted and context.quick else float("inf")
    lines = machine.header(context.cores)
    print("\n".join(lines) + "\n", flush=True)
    figures, interrupted = {}, False
    try:
        _measure(context, names, limit, figures)
    except KeyboardInterrupt:
        print("bench: interrupted; this is what there is", file=sys.stderr)
        processes.end_all()
        interrupted = True
    _report(context, arguments, lines, figures, interrupted)
    return 130 if interrupted else 0


def main():
    """Returns the exit status: 0 if the run came to its end, whatever the figures are; 130 if it
    was interrupted."""
    arguments = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    _raise_file_limit()
    directory = tempfile.mkdtemp(prefix="tocsin-bench-")
    try:
        return _run(Context(arguments, directory), arguments)
    except KeyboardInterrupt:  # While it was being reported.
        return 130
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # Cleaning up is short, and is not to be cut off.
        processes.end_all()
        shutil.rmtree(directory, ignore_errors=True)
