# SPDX-License-Identifier: MIT
"""`tocsin serve` against nginx: a 1 KB file, one worker each on the same core, load by wrk.

nginx is set up for it: open_file_cache, sendfile, no access log, keep-alive without limit. Pairs
are interleaved on fresh servers; before the first one, both have to deliver the file as it is.
"""
import os
import re
import shutil
import urllib.request

from runner.figures import Row
from runner.processes import Failed, Server, free_port, run
from runner.servers import compare, one_after_the_other

TITLE = "serve a 1 KB file, one worker, relative to nginx (median of interleaved pairs)"
CONTENT = bytes(range(256)) * 4

NGINX = """
daemon off;
user {user};
worker_processes 1;
worker_rlimit_nofile {files};
pid {directory}/nginx.pid;
error_log {directory}/nginx.err crit;
events {{ worker_connections 8192; multi_accept on; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  open_file_cache max=1000 inactive=60s;
  open_file_cache_valid 60s;
  types {{ }}
  default_type application/octet-stream;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{ listen {address} backlog=4096; root {root}; }}
}}
"""


def _nginx(context, root):
    if shutil.which("nginx") is None:
        raise Failed("nginx is not installed")
    port = free_port()
    path = os.path.join(context.directory, "nginx.conf")
    user = "root" if os.geteuid() == 0 else "nobody"  # Not root: nginx ignores the line.
    with open(path, "w", encoding="utf-8") as file:
        file.write(NGINX.format(user=user, files=16384, directory=context.directory,
                                address=f"127.0.0.1:{port}", root=root))
    return Server("nginx", ["nginx", "-p", context.directory, "-e", "stderr", "-c", path], context,
                  port=port)


def _tocsin(context, root):
    program = os.path.join(context.bin, "tocsin")
    if not os.access(program, os.X_OK):
        raise Failed("not built: tocsin")
    command = [program, "serve", root, "--workers", "1", "--listen", "{address}"]
    return Server("tocsin serve", command, context)


def _check(server):
    try:
        with urllib.request.urlopen(f"http://{server.address}/file", timeout=10) as answer:
            content = answer.read()
    except OSError as reason:
        raise Failed(f"{server.name}: {reason}") from None
    if content != CONTENT:
        raise Failed(f"{server.name} delivers something else than the file")


def _speed(context, start, root, connections):
    """One timed run on a fresh server: (requests per second, share of its core it used)."""
    if shutil.which("wrk") is None:
        raise Failed("wrk is not installed")
    seconds = 1 if context.quick else 2
    with start(context, root) as server:
        _check(server)
        before = server.cpu_seconds()
        out = run(["wrk", "-t", str(len(context.cores.load)), "-c", str(connections),
                   "-d", f"{seconds}s", f"http://{server.address}/file"],
                  60, set(context.cores.load))
        cpu = (server.cpu_seconds() - before) / seconds
    for trouble in ("Non-2xx", "Socket errors"):
        found = re.search(rf"{trouble}.*", out)
        if found:
            raise Failed(f"{server.name}: {found.group().strip()}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", out)
    if not found or float(found.group(1)) == 0:
        raise Failed(f"{server.name}: wrk counted nothing")
    return float(found.group(1)), cpu


def rows(context):
    root = os.path.join(context.directory, "root")
    os.makedirs(root, exist_ok=True)
    with open(os.path.join(root, "file"), "wb") as file:
        file.write(CONTENT)
    for connections in (64, 1000):
        row = Row(f"tocsin serve, {connections:,} connections", unit="of nginx", least=1.0)
        try:
            compare(context, row, one_after_the_other(
                lambda c=connections: _speed(context, _tocsin, root, c),
                lambda c=connections: _speed(context, _nginx, root, c)), 2 if context.quick else 7)
        except Failed as reason:
            row.note = str(reason)
        yield row
