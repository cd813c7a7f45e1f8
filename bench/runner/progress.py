# SPDX-License-Identifier: MIT
"""How far a run has come, and how long it will take yet: on stderr, if that is a terminal."""
import sys
import time

# What a figure takes, in seconds, and with --quick: as measured on a machine of four cores. A
# machine that is slower in the beginning is taken to stay so.
SECONDS = {
    "instructions": (45, 8), "syscalls": (30, 6), "memory": (15, 5), "chain": (240, 9),
    "timers": (30, 3), "post": (8, 2), "wake": (60, 4), "vkern": (60, 20), "echo": (350, 6),
    "latency": (170, 6), "idle": (60, 20), "serve": (70, 4),
}


class Progress:
    def __init__(self, names, quick):
        self._left = {name: SECONDS[name][quick] for name in names}
        self._past = 0.0  # What was reckoned for the figures that are done.
        self._begin = time.monotonic()
        self._shown = sys.stderr.isatty()

    def share(self, name, seconds):
        """The part of `seconds`, which are left for all, that falls to `name`."""
        return seconds * self._left[name] / sum(self._left.values())

    def tell(self, name, what):
        if self._shown:
            print(f"\r\033[K{name}: {what[:60]}; {self._time_left(name)}", end="",
                  file=sys.stderr, flush=True)

    def done(self, name):
        self._past += self._left.pop(name)
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _time_left(self, name):
        passed = time.monotonic() - self._begin
        pace = passed / self._past if self._past > 30 else 1.0
        of_this = max(self._left[name] * pace - (passed - self._past * pace), 0)
        others = sum(seconds for other, seconds in self._left.items() if other != name)
        left = of_this + others * pace
        return f"about {left / 60:.0f} min left" if left > 90 else f"about {left:.0f} s left"
