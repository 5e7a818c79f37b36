"""scripts/run --demo: by itself; with each of the five killed on the way; at somebody else's."""

import os
import re
import signal
import subprocess
import tempfile
import threading
import time

from harness import BIN, ROOT, EndToEnd, Recorder, die_with_parent


class Run:
    """scripts/run --demo, read line by line."""

    def __init__(self, *more, environment=None):
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [os.path.join(ROOT, "scripts", "run"), "--demo", *more], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
            preexec_fn=lambda: die_with_parent(signal.SIGTERM))
        self.said, self.pids = "", {}

    def lines(self):
        for line in self.process.stdout:
            self.said += line
            started = re.search(r"run \| (\w+) started, pid (\d+)", line)
            if started:
                self.pids.setdefault(started.group(1), []).append(int(started.group(2)))
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

    def demo(self, *more, environment=None):
        scratch = tempfile.TemporaryDirectory(prefix="sluice-", ignore_cleanup_errors=True)
        self.addCleanup(scratch.cleanup)
        self.data = scratch.name
        run = Run("--data", self.data, *more, environment=environment)
        self.addCleanup(run.close)
        return run

    def assert_good(self, run):
        """Within three minutes, everything delivered, the trail whole, no window over ten."""
        self.assertEqual(run.process.wait(60), 0, run.said[-6000:])
        self.assertLess(time.monotonic() - run.began, 180)
        table = run.table()
        verified = subprocess.run(
            [f"{BIN}/sluice-auditor", "verify", os.path.join(self.data, "auditor", "trail")],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        self.assertEqual((table["messages"], table["delivered"]), (500, 500), table)
        self.assertEqual((table["dead"], table["lost"]), (0, 0), table)
        self.assertIn(table["fullest window per key"], (9, 10), table)  # one key has 40 to send
        return table

    def test_by_itself(self):
        run = self.demo()
        for _ in run.lines():
            pass
        table = self.assert_good(run)
        self.assertEqual((table["duplicates"], table["bans"]), (0, 0), table)
        self.assertEqual((table["attempts"], table["unknown fates"]), (500, 0), table)


class Killed(Demo):
    test_by_itself = None

    @staticmethod
    def kill_each(run):
        for name in ("dispatcher", "limiter", "ingest", "auditor", "alerter"):
            time.sleep(1.5)
            os.kill(run.pids[name][-1], signal.SIGKILL)

    def test_each_of_the_five_killed_on_the_way(self):
        run = self.demo()
        for line in run.lines():
            if "are accepted" in line:
                threading.Thread(target=self.kill_each, args=[run], daemon=True).start()
        table = self.assert_good(run)
        started = {name: len(pids) for name, pids in run.pids.items() if name != "upstream"}
        self.assertEqual(set(started.values()), {2}, started)
        self.assertEqual(run.said.count("was killed by signal 9"), 5)
        self.assertEqual(table["bans"], 0, table)
        self.assertLessEqual(table["duplicates"], table["unknown fates"], table)


class Elsewhere(Demo):
    """Somebody else's server, which hangs up on connections that were idle for a second, sooner
    than we would. It has no report; what it saw is counted here."""

    test_by_itself = None

    def test_somebody_elses_server(self):
        recorder = Recorder(idle_s=1)
        self.addCleanup(recorder.close)
        run = self.demo("--upstream", recorder.url)
        for _ in run.lines():
            pass
        table = self.assert_good(run)
        self.assertNotIn("bans", table)  # not ours to see
        self.assertNotIn("upstream", run.pids)
        names = [body["messageId"] for body in recorder.bodies()]
        self.assertEqual(len(set(names)), 500)
        self.assertEqual(len(names), table["attempts"])
        self.assertLessEqual(len(names) - 500, table["unknown fates"])
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
