# SPDX-License-Identifier: MIT
"""The machine: its cores, divided between server and load, and the header of every report."""
import os
import platform
import shutil
import subprocess


def _first_line(command):
    if shutil.which(command[0]) is None:
        return f"{command[0]}: not installed"
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=20, check=False)
    lines = done.stdout.strip().splitlines()
    return lines[0] if lines else "?"


def _siblings(cpu):
    """The hardware threads that share a core with `cpu`, itself among them."""
    try:
        path = f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
        with open(path, encoding="ascii") as file:
            text = file.read().strip()
    except OSError:
        return {cpu}
    found = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


class Cores:
    """One core for the server, up to two others for the load, none of them the server's twin."""

    def __init__(self):
        allowed = sorted(os.sched_getaffinity(0))
        self.server = allowed[-1]  # The first ones are where interrupts usually go.
        others = [cpu for cpu in allowed if cpu not in _siblings(self.server)]
        others = others or [cpu for cpu in allowed if cpu != self.server] or allowed
        self.load = others[-2:]
        self.enough = len(self.load) == 2 and self.server not in self.load


def header(cores):
    """Lines that say what the figures were taken on."""
    cpu = "?"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    packages = "libev-dev libuv1-dev libasio-dev libevent-dev liburing-dev nginx-light wrk"
    lines = [
        f"kernel    {platform.system()} {platform.release()} {platform.machine()}",
        f"cpu       {cpu}, {os.cpu_count()} online, load average "
        + " ".join(f"{value:.2f}" for value in os.getloadavg()),
        f"cores     server on {cores.server}, load on {','.join(map(str, cores.load))}",
        f"compiler  {_first_line(['g++', '--version'])}",
        f"tools     {_first_line(['valgrind', '--version'])}, {_first_line(['strace', '-V'])}, "
        f"{_first_line(['nginx', '-v'])}, {_first_line(['wrk', '-v'])[:10].strip()}",
        f"peers     {_versions(packages.split())}",
    ]
    if not cores.enough:
        lines.append("warning   fewer than 3 cores: the load competes with the server")
    return lines


def mitigations():
    """Lines that say which of the processor's faults the kernel works around, at whose price."""
    folder = "/sys/devices/system/cpu/vulnerabilities"
    found = []
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            state = file.read().strip()
        if state != "Not affected":
            found.append(f"          {name}: {state}")
    return ["mitigations", *(found or ["          none, by what the kernel says"])]


def _versions(packages):
    if shutil.which("dpkg-query") is None:
        return "versions unknown: no dpkg-query"
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}, ", *packages],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          timeout=20, check=False)
    return done.stdout.strip(", ")
