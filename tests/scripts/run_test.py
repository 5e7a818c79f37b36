"""scripts/run as a supervisor, with five stand-ins for the stages."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

from supervise import layout  # noqa: E402


class Supervised(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name
        for name in layout.STAGES:
            shutil.copy(os.path.join(ROOT, "tests/scripts/stage_stub.py"), self.at(name))
        self.port, guard = layout.reserve_ports(11)
        self.addCleanup(guard.close)
        self.said = ""
        self.run = None
        self.addCleanup(self.end)

    def at(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.at(name), "w", encoding="utf-8") as file:
            file.write(text)

    def start(self, *more):
        """With a stranger's upstream, so that nothing needs to be built."""
        programs = [f"--stage={name}={self.at(name)}" for name in layout.STAGES]
        self.run = subprocess.Popen(
            [os.path.join(ROOT, "scripts/run"), f"--port={self.port}", "--data",
             self.at("data"), "--upstream=http://127.0.0.1:9", "--stage=upstream=/bin/true",
             *programs, *more], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def until(self, pattern, seconds=20):
        """Reads on until a line matches; the match. Silence for so long ends all that was begun."""
        silence = threading.Timer(seconds, os.killpg, [self.run.pid, signal.SIGKILL])
        silence.start()
        try:
            for line in iter(self.run.stdout.readline, ""):
                self.said += line
                match = re.search(pattern, line)
                if match:
                    return match
        finally:
            silence.cancel()
        self.fail(f"nobody said {pattern}:\n{self.said}")

    def end(self):
        if self.run and self.run.poll() is None:
            self.run.terminate()
        if self.run:
            self.run.communicate(timeout=30)

    def code(self):
        self.said += self.run.communicate(timeout=30)[0]
        return self.run.returncode


class Supervisor(Supervised):
    def test_ready_and_stopped_in_order(self):
        self.start()
        self.until("ready: front door")
        self.until("try: ")
        self.run.send_signal(signal.SIGINT)
        self.assertEqual(self.code(), 0, self.said)
        order = re.findall(r"(\w+) \| drained", self.said)
        self.assertEqual(order, ["ingest", "limiter", "dispatcher", "auditor", "alerter"])

    def test_what_dies_is_started_again(self):
        self.start()
        pid = int(self.until(r"limiter started, pid (\d+)").group(1))
        self.until("try: ")
        os.kill(pid, signal.SIGKILL)
        self.until(r"limiter was killed by signal 9; it is started again in 0\.2 s")
        again = int(self.until(r"limiter started, pid (\d+)").group(1))
        self.assertNotEqual(again, pid)
        os.kill(again, signal.SIGKILL)
        self.until(r"started again in 0\.4 s")

    def test_a_second_ctrl_c_kills(self):
        self.write("limiter.stubborn", "")
        self.start()
        self.until("try: ")
        self.run.send_signal(signal.SIGINT)
        self.until(r"ingest \| drained")
        self.run.send_signal(signal.SIGINT)
        self.assertEqual(self.code(), 0, self.said)
        self.assertIn("limiter is killed: Ctrl-C again", self.said)
        self.assertIn("run | stopped", self.said)

    def test_a_paused_reader_holds_up_nobody(self):
        self.write("limiter.talks", "")
        self.start()
        end = time.monotonic() + 60
        while not os.path.exists(self.at("limiter.talked")) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertTrue(os.path.exists(self.at("limiter.talked")))
        self.until(r"run \| [1-9]\d* lines were left out: nobody read")
        self.until("try: ")
        self.run.send_signal(signal.SIGINT)
        self.assertEqual(self.code(), 0, self.said[-2000:])

    def test_when_nobody_reads_any_more_it_stops(self):
        self.start()
        pids = [int(self.until(r"started, pid (\d+)").group(1)) for _ in layout.STAGES]
        self.until("then: ")
        self.run.stdout.close()
        os.kill(pids[0], signal.SIGKILL)  # so that it has something to say
        self.assertEqual(self.run.wait(30), 0)
        for pid in pids:
            self.assertFalse(os.path.exists(f"/proc/{pid}"))
        self.run = None

    def test_78_is_not_restarted(self):
        self.write("auditor.exit", "78")
        self.start()
        self.assertEqual(self.code(), 78)
        self.assertIn("auditor ended with 78: a setting is wrong", self.said)
        self.assertEqual(self.said.count("auditor started"), 1)

    def test_a_taken_port_is_named(self):
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", self.port + 2))
            taken.listen()
            self.start()
            self.assertEqual(self.code(), 75)
        self.assertIn(f"port {self.port + 2} (limiter.health_listen", self.said)

    def test_nothing_outlives_the_supervisor(self):
        self.start()
        pid = int(self.until(r"auditor started, pid (\d+)").group(1))
        self.until("try: ")
        self.run.kill()
        self.run.wait()
        end = time.monotonic() + 5
        while os.path.exists(f"/proc/{pid}") and time.monotonic() < end:
            time.sleep(0.05)
        self.assertFalse(os.path.exists(f"/proc/{pid}"))
