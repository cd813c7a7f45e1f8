# SPDX-License-Identifier: MIT
"""bench_test.py BUILD: the programs and the runner of bench/, with tiny amounts of work.

No time is asserted here. A program that was not built, because its library is not installed, is
skipped by name; what the build has to have is in MUST.
"""
import glob
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench"))

from runner import figures, plots  # noqa: E402  (after the path that makes them importable)
from runner.processes import Server, end_all  # noqa: E402

BUILD = os.path.abspath(sys.argv.pop(1))
BIN = os.path.join(BUILD, "bin", "bench")
SECONDS = 60  # The limit of any one program.
MUST = ["chain_tocsin", "chain_tocsin_streams", "chain_tocsin_watch", "chain_raw",
        "chain_raw_edge", "wake_tocsin", "wake_raw", "peer_raw", "load"]


def run(name, *arguments, **options):
    return subprocess.run([os.path.join(BIN, name), *map(str, arguments)], capture_output=True,
                          text=True, timeout=SECONDS, check=False, **options)


def programs(prefix):
    return sorted(map(os.path.basename, glob.glob(os.path.join(BIN, prefix + "_*"))))


class FakeContext:
    """What Server asks of a context."""

    def __init__(self, directory):
        self.directory = directory
        self.cores = self
        self.server = max(os.sched_getaffinity(0))


class Programs(unittest.TestCase):
    def test_those_that_need_no_peer_were_built(self):
        missing = [name for name in MUST if not os.access(os.path.join(BIN, name), os.X_OK)]
        self.assertEqual(missing, [])

    def check_chain(self, name, pairs, active, writes, *more):
        done = run(name, "--pairs", pairs, "--active", active, "--writes", writes, "--runs", 2,
                   *more)
        if "io_uring" in name and "Operation not permitted" in done.stderr:
            self.skipTest("io_uring is forbidden here: EPERM")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        result = json.loads(done.stdout)
        self.assertEqual(result["events"], active + writes)
        self.assertEqual([len(result[key]) for key in ("ns", "cpu_ns")], [2, 2])
        self.assertTrue(all(time > 0 for time in result["ns"]))

    def test_every_chain_passes_on_all_its_bytes(self):
        for name in programs("chain"):
            with self.subTest(name):
                self.check_chain(name, 10, 3, 20)

    def test_a_pair_that_gets_two_bytes_at_once_loses_none(self):
        for name in programs("chain"):
            with self.subTest(name):
                self.check_chain(name, 5, 5, 500)

    def test_every_chain_can_wait_again(self):
        for name in programs("chain"):
            with self.subTest(name):
                self.check_chain(name, 10, 2, 30, "--again")

    def test_a_chain_without_enough_descriptors_says_so(self):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))

        done = run("chain_raw", "--pairs", 100, preexec_fn=few)
        self.assertEqual((done.returncode, done.stderr),
                         (1, "socketpair: Too many open files\n"))

    def test_a_chain_refuses_what_makes_no_sense(self):
        for arguments in (["--pairs", 2, "--active", 3], ["--pairs"], ["--runs", "many"],
                          ["--x", 1]):
            done = run("chain_raw", *arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn("usage", done.stderr)

    def test_every_wake_goes_there_and_back(self):
        for name in programs("wake"):
            with self.subTest(name):
                done = run(name, "--rounds", 50)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(json.loads(done.stdout)["rounds"], 50)


class Load(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)
        self.addCleanup(end_all)

    def server(self, name):
        return Server(name, [os.path.join(BIN, name), "{address}"], FakeContext(self.directory))

    def test_every_peer_echoes(self):
        for name in programs("peer"):
            with self.subTest(name), self.server(name) as server:
                done = run("load", "--connect", server.address, "--connections", 8, "--idle", 3,
                           "--requests", 400)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(json.loads(done.stdout)["requests"], 400)

    def test_every_peer_holds_back_who_does_not_read_and_loses_nothing(self):
        sent = os.urandom(1 << 16) * 256
        for name in programs("peer"):
            with self.subTest(name), self.server(name) as server:
                got = bytearray()
                with socket.create_connection(("127.0.0.1", server.port), SECONDS) as client:
                    writer = threading.Thread(target=client.sendall, args=(sent,))
                    writer.start()
                    while len(got) < len(sent):
                        piece = client.recv(1 << 16)
                        if not piece:
                            break
                        got += piece
                    writer.join()
                self.assertTrue(bytes(got) == sent)

    def test_an_open_loop_sends_what_is_due(self):
        with self.server("peer_raw") as server:
            done = run("load", "--connect", server.address, "--connections", 4, "--rate", 1000,
                       "--warm-up", 0, "--seconds", 0.2)
        result = json.loads(done.stdout)
        self.assertEqual((result["rate"], result["unanswered"]), (1000.0, 0))
        # Two workers, each with half of the rate: what is due in the time between their starts.
        self.assertGreaterEqual(result["requests"], 1)
        self.assertLessEqual(result["requests"], 201)

    # A closed loop would have sent one message on each connection, and reported no latency at all.
    def test_an_open_loop_counts_what_a_silent_server_never_answered(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            done = run("load", "--connect", f"127.0.0.1:{port}", "--connections", 4, "--rate", 200,
                       "--warm-up", 0, "--seconds", 0.2)
        result = json.loads(done.stdout)
        self.assertGreater(result["unanswered"], 4)
        self.assertEqual(result["requests"], result["unanswered"])
        self.assertGreater(result["latency_us"]["p50"], 2e6)  # It waited for two seconds more.


class Figures(unittest.TestCase):
    def test_an_interval_holds_the_median_and_is_the_same_each_time(self):
        values = [5.0, 1.0, 9.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0]
        low, high = figures.interval(values)
        self.assertTrue(1.0 <= low < 5.0 < high <= 9.0, (low, high))
        self.assertEqual(figures.interval(values), (low, high))
        self.assertEqual(figures.interval([4.0] * 5), (4.0, 4.0))

    def test_a_noisy_row_is_unsure_unless_all_of_its_interval_passes(self):
        row = figures.Row("near", most=1.0)
        row.take([0.5, 0.9, 0.95, 1.4, 1.5])
        self.assertEqual(row.verdict, "unsure")
        self.assertIn("a noisy machine", row.note)
        row = figures.Row("far", most=10.0)
        row.take([0.5, 0.9, 0.95, 1.4, 1.5])
        self.assertEqual(row.verdict, "pass")

    def test_no_worse_than_is_open_unless_the_interval_decides_it(self):
        for values, verdict in (([0.97, 0.98, 0.99], "pass"), ([0.99, 1.01, 1.02], "unsure"),
                                ([1.01, 1.02, 1.03], "MISS")):
            row = figures.Row("parity", most=1.0, parity=True)
            row.take(values)
            self.assertEqual(row.verdict, verdict)

    def test_few_values_have_no_interval(self):
        row = figures.Row("few")
        row.take([1.0, 2.0])
        self.assertEqual((row.value, row.sure), (1.5, ""))

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed")
    def test_plots_are_svg_even_where_a_bar_is_missing(self):
        rows = [figures.Row("x", value, point=point, low=value / 2, high=value * 2)
                for value, point in ((1.0, ("echo", "a", "100")), (2.0, ("echo", "b", "1,000")),
                                     (3.0, ("chain-1", "a \"b\"", 100)),
                                     (4.0, ("chain-1", "a \"b\"", 1000)))]
        with tempfile.TemporaryDirectory() as directory:
            drawn = plots.draw(rows, os.path.join(directory, "p"), directory)
            self.assertEqual(len(drawn), 2)
            for _, path in drawn:
                with open(path, encoding="utf-8") as file:
                    self.assertIn("</svg>", file.read())


class Runner(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)
        self.command = [os.path.join(ROOT, "bench", "run"), "--build", BUILD, "--quick",
                        "--results", self.directory]

    def document(self):
        found = glob.glob(os.path.join(self.directory, "*-quick.md"))
        self.assertEqual(len(found), 1)
        with open(found[0], encoding="utf-8") as file:
            return file.read()

    def test_peers_writes_a_document_with_every_figure(self):
        path = os.path.join(self.directory, "figures.json")
        done = subprocess.run([*self.command, "--seconds", "1", "--json", path, "peers"],
                              capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        text = self.document()
        for words in ("mitigations", "compiler", "peers ", "chain of n socket pairs",
                      "open loop", "left out: its time was over"):
            self.assertIn(words, text)
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        self.assertIn("wake", report["figures"])
        self.assertFalse(report["interrupted"])

    def test_interrupted_it_writes_what_there_is(self):
        with subprocess.Popen([*self.command, "peers"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as child:
            for line in child.stdout:
                if line.startswith("== "):  # The first figure is there, the second under way.
                    break
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=SECONDS)
        self.assertEqual(child.returncode, 130, err)
        self.assertIn("interrupted", err)
        self.assertIn("written:", out)
        self.assertIn("The run was interrupted", self.document())


if __name__ == "__main__":
    unittest.main()
