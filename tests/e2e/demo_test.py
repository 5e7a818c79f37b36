"""scripts/run --demo: by itself; with each of the five killed on the way; at somebody else's."""

import os
import re
import signal
import subprocess
import tempfile
import time

from harness import BIN, ROOT, EndToEnd, Recorder


class Run:
    """scripts/run --demo, read line by line."""

    def __init__(self, *more):
        self.process = subprocess.Popen(
            [os.path.join(ROOT, "scripts", "run"), "--demo", *more], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.said, self.pids = "", {}

    def lines(self):
        for line in self.process.stdout:
            self.said += line
            started = re.search(r"run \| (\w+) started, pid (\d+)", line)
            if started:
                self.pids[started.group(1)] = int(started.group(2))
            yield line

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=60)

    def table(self):
        return {name.strip(): int(value) for name, value in
                re.findall(r"run \|   (\S[^|]*?)  +(\d+)$", self.said, re.M)}


class Demo(EndToEnd):
    minutes = 4

    def demo(self, *more):
        scratch = tempfile.TemporaryDirectory(prefix="sluice-", ignore_cleanup_errors=True)
        self.addCleanup(scratch.cleanup)
        self.data = scratch.name
        run = Run("--data", self.data, *more)
        self.addCleanup(run.close)
        return run

    def assert_good(self, run, began):
        self.assertEqual(run.process.wait(60), 0, run.said[-6000:])
        self.assertLess(time.monotonic() - began, 180)
        table = run.table()
        verified = subprocess.run(
            [f"{BIN}/sluice-auditor", "verify", os.path.join(self.data, "auditor", "trail")],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        self.assertEqual((table["delivered"], table["dead"], table["lost"]), (500, 0, 0), table)
        return table

    def test_by_itself(self):
        began = time.monotonic()
        run = self.demo()
        for _ in run.lines():
            pass
        table = self.assert_good(run, began)
        self.assertEqual((table["duplicates"], table["bans"]), (0, 0), table)
        self.assertLessEqual(table["fullest window per key"], 10)


class Killed(Demo):
    test_by_itself = None

    def test_each_of_the_five_killed_on_the_way(self):
        began = time.monotonic()
        run = self.demo()
        left = ["dispatcher", "limiter", "ingest", "auditor", "alerter"]
        due = None
        for line in run.lines():
            if "are accepted" in line:
                due = time.monotonic() + 0.5
            if due and left and time.monotonic() >= due:
                os.kill(run.pids[left.pop(0)], signal.SIGKILL)
                due = time.monotonic() + 3
        self.assertEqual(left, [], run.said[-3000:])
        table = self.assert_good(run, began)
        self.assertEqual(table["bans"], 0, table)
        self.assertLessEqual(table["fullest window per key"], 10)
        self.assertLessEqual(table["duplicates"], table["unknown fates"], table)


class Elsewhere(Demo):
    test_by_itself = None

    def test_somebody_elses_server(self):
        recorder = Recorder()
        self.addCleanup(recorder.close)
        began = time.monotonic()
        run = self.demo("--upstream", recorder.url)
        for _ in run.lines():
            pass
        self.assert_good(run, began)
        names = [body["messageId"] for body in recorder.bodies()]
        self.assertEqual((len(names), len(set(names))), (500, 500))
        self.assertLessEqual(self.fullest(recorder, 6.0), 10)

    def fullest(self, recorder, window):
        """The most arrivals of one key in one closed window."""
        most, by_key = 0, {}
        for (at, _, _), body in zip(recorder.arrivals, recorder.bodies()):
            by_key.setdefault(body["userId"], []).append(at)
        for times in by_key.values():
            times.sort()
            most = max([most] + [sum(start <= t <= start + window for t in times)
                                 for start in times])
        return most
