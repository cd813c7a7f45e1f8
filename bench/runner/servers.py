# SPDX-License-Identifier: MIT
"""The echo servers that are compared, and the load that is put on them."""
import os
from dataclasses import dataclass

from runner.figures import interleaved, median, ratios, spread
from runner.processes import Failed, Server, run_json

# Below this share of its core, the server was not what was measured.
SATURATED = 0.95


@dataclass
class Echo:
    name: str
    program: str  # Below the build's bin/.
    ours: bool = False

    def path(self, context):
        path = os.path.join(context.bin, self.program)
        if not os.access(path, os.X_OK):
            raise Failed(f"not built: {self.program}")
        return path

    def command(self, context):
        return [self.path(context), "{address}"]

    def start(self, context, **options):
        return Server(self.name, self.command(context), context, **options)


OURS = Echo("examples/echo", "examples/echo", ours=True)
RAW = Echo("C, raw epoll", "bench/peer_raw")
PEERS = [
    Echo("C, raw io_uring", "bench/peer_io_uring"),
    Echo("libev", "bench/peer_libev"),
    Echo("libuv", "bench/peer_libuv"),
    Echo("Asio, callbacks", "bench/peer_asio"),
    Echo("Asio, coroutines", "bench/peer_asio_coroutines"),
    Echo("libevent, bufferevents", "bench/peer_libevent"),
]
ALL = [OURS, RAW, *PEERS]


def load_program(context):
    path = os.path.join(context.bin, "bench/load")
    if not os.access(path, os.X_OK):
        raise Failed("not built: bench/load")
    return path


def load(context, server, *arguments, seconds, cpus=None):
    """Runs the load generator against `server`, a thread on each of `cpus` (those for load, if
    None); `seconds` is the limit of its life."""
    cpus = ",".join(map(str, cpus or context.cores.load))
    command = [load_program(context), "--connect", server.address, "--cpus", cpus, *arguments]
    return run_json(command, seconds)


def _timed(context, server, seconds, *arguments):
    result = load(context, server, "--seconds", str(seconds), "--server-pid", str(server.pid),
                  *arguments, seconds=90)
    return result["requests_per_second"], result["server_cpu"]


def speed(context, echo, *arguments):
    """One timed run on a fresh server: (requests per second, share of its core it used)."""
    with echo.start(context) as server:
        return _timed(context, server, 0.4 if context.quick else 1.0, *arguments)


def speeds_in_turn(context, echo_a, echo_b, *arguments):
    """A pair of `speed`s, of two servers that live side by side on one core and are loaded in
    turn, a tenth of a second each: what slows the machine down for a second slows both. The one
    that is not loaded sleeps, and costs the other nothing. Each is started anew several times:
    where its memory happens to lie makes one process faster than the next by some percent."""
    starts, slices = (1, 2) if context.quick else (4, 3)
    of_a, of_b = [], []
    for _ in range(starts):
        with echo_a.start(context) as a, echo_b.start(context) as b:
            found = interleaved(*(lambda s=server: _timed(context, s, 0.1, "--warm-up", "0.1",
                                                          *arguments) for server in (a, b)), slices)
        of_a += found[0]
        of_b += found[1]
    return _mean(of_a), _mean(of_b)


def _mean(timed):
    return tuple(sum(column) / len(timed) for column in zip(*timed))


def one_after_the_other(measure_a, measure_b):
    """For `compare`: takes so many pairs of two `speed`s."""
    return lambda pairs: list(zip(*interleaved(measure_a, measure_b, pairs)))


def compare(context, row, measure_pairs, pairs):
    """Fills `row` with the median ratio of pairs of `speed`; `measure_pairs` takes so many of them.
    A pair in which a server did not get its core, because something else ran there or the load
    fell behind, is measured again, up to three times over; if that does not help, all pairs count
    and the note says so."""
    context.check_time()
    good, all_pairs = [], []
    for attempt in range(4):
        if attempt > 0 and context.is_over():
            break
        context.tell(f"{row.what}, {pairs - len(good)} pairs")
        found = measure_pairs(pairs - len(good))
        all_pairs += found
        good += [pair for pair in found if min(cpu for _, cpu in pair) >= SATURATED]
        if len(good) == pairs:
            break
    counted = good if len(good) == pairs else all_pairs
    of_a = [a for (a, _), _ in counted]
    of_b = [b for _, (b, _) in counted]
    found = ratios(of_a, of_b)
    row.take(found, f"{spread(found)}; {median(of_a) / 1e3:.0f} against "
             f"{median(of_b) / 1e3:.0f} k/s")
    if counted is all_pairs and len(good) < pairs:
        least = min(cpu for pair in counted for _, cpu in pair)
        row.reliable = False
        row.note += f"; UNRELIABLE, a server had {least:.2f} of its core"
