# SPDX-License-Identifier: MIT
"""The echo servers that are compared, and the load that is put on them."""
import os
from dataclasses import dataclass

from runner.processes import Failed, Server, run_json


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


def load(context, server, *arguments, seconds):
    """Runs the load generator against `server`; `seconds` is the limit of its life."""
    cpus = ",".join(map(str, context.cores.load))
    command = [load_program(context), "--connect", server.address, "--cpus", cpus, *arguments]
    return run_json(command, seconds)
