# SPDX-License-Identifier: MIT
"""Child processes: started in one place, so that none is left behind on any way out.

Every child gets a session of its own (a Ctrl-C at the terminal reaches only us, who then end them
in order) and a parent-death signal (should we be killed without a chance to clean up).
"""
import ctypes
import json
import os
import signal
import socket
import subprocess
import time

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_alive = []


class Failed(Exception):
    """A figure cannot be taken; the reason is printed in its row and the run goes on."""


def spawn(command, cpus=None, batch=False, **options):
    """Popen, remembered, optionally pinned to `cpus`, and of SCHED_BATCH."""
    parent = os.getpid()

    def in_child():
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        if cpus:
            os.sched_setaffinity(0, cpus)
        if batch:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))

    options.setdefault("stdin", subprocess.DEVNULL)
    child = subprocess.Popen(command, start_new_session=True, preexec_fn=in_child, **options)
    _alive.append(child)
    return child


def _has_ended(child):
    """Whether the child has ended. It is not reaped: its number stays its own until it is."""
    if child.returncode is not None:
        return True
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, child.pid, flags) is not None


def end(child, seconds=5.0, pid=None):
    """SIGTERM to `pid` (the child itself if None), SIGKILL to its session if that does not help.
    Returns the exit status of the child."""
    if not _has_ended(child):
        try:
            os.kill(pid or child.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass  # The traced server has ended, its tracer is about to.
        deadline = time.monotonic() + seconds
        while not _has_ended(child) and time.monotonic() < deadline:
            time.sleep(0.002)
    _kill_session(child)
    return child.returncode


def _kill_session(child):
    """Ends whatever is left of the child's session, then reaps the child. In this order: once the
    leader of a session has been reaped, its number may be somebody else's."""
    if child.returncode is None:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        child.wait()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            stream.close()
    if child in _alive:
        _alive.remove(child)


def end_all():
    for child in list(_alive):
        _kill_session(child)


def run(command, seconds, cpus=None):
    """Runs to the end and returns stdout. Raises Failed, with the first line of stderr."""
    child = spawn(command, cpus, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, err = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Failed(f"{os.path.basename(command[0])}: not done after {seconds:.0f} s") from None
    finally:
        _kill_session(child)
    if child.returncode != 0:
        lines = err.strip().splitlines() or [f"status {child.returncode}"]
        raise Failed(f"{os.path.basename(command[0])}: {lines[0]}")
    return out


def run_json(command, seconds, cpus=None):
    return json.loads(run(command, seconds, cpus))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server process, from listening (`with` begins) to ended (`with` ends).

    `command` is a list in which "{address}" becomes HOST:PORT. With `traced`, the command is a
    tracer and the server its child. After the `with`, `status` is the exit status.
    """

    def __init__(self, name, command, context, traced=False, batch=False, environment=None,
                 port=None):
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.name = name
        self.status = None
        self._command = [part.replace("{address}", self.address) for part in command]
        self._cpus = {context.cores.server}
        self._batch = batch
        self._environment = environment
        self._traced = traced
        self._log = os.path.join(context.directory, f"{self.port}.log")
        self._child = None
        self.pid = None

    def __enter__(self):
        with open(self._log, "wb") as log:
            self._child = spawn(self._command, self._cpus, self._batch, stdout=log, stderr=log,
                                env={**os.environ, **(self._environment or {})})
        try:
            self._wait_until_listening(20.0)
            self.pid = self._child_of(self._child.pid) if self._traced else self._child.pid
        except BaseException:
            _kill_session(self._child)
            raise
        return self

    def __exit__(self, kind, error, trace):
        self.status = end(self._child, 10.0, self.pid)
        if kind is None and self.status != 0:
            raise Failed(f"{self.name} ended with status {self.status}: {self._last_words()}")
        return False

    def cpu_seconds(self):
        """CPU time of the server and all its children so far, in ticks of 10 ms."""
        total = 0
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8") as file:
                    fields = file.read().rpartition(")")[2].split()
            except (OSError, ValueError):
                continue  # Not a process, or no longer one.
            if int(fields[3]) == self._child.pid:  # Its session, see proc(5).
                total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")

    def _wait_until_listening(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if _has_ended(self._child):
                raise Failed(f"{self.name} did not start: {self._last_words()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
                return
            except OSError:
                time.sleep(0.01)
        raise Failed(f"{self.name} does not listen after {seconds:.0f} s")

    def _child_of(self, pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = file.read().split()
        if not children:
            raise Failed(f"{self.name}: the tracer has no child")
        return int(children[0])

    def _last_words(self):
        with open(self._log, encoding="utf-8", errors="replace") as file:
            lines = file.read().strip().splitlines()
        return lines[-1] if lines else "without a word"
