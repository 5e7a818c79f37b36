"""scripts/run --demo: by itself; with each of the five killed on the way; at somebody else's."""

import itertools
import os
import random
import re
import signal
import subprocess
import tempfile
import threading
import time

from harness import BIN, ROOT, EndToEnd, Recorder, die_with_parent, eventually


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
            started = re.search(r"run \| ([\w-]+) started, pid (\d+)", line)
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

    def assert_good(self, run, fullest=(9, 10)):
        """Within three minutes, everything delivered, the trail whole, no window over ten; and as
        full as that, for one key has 40 to send."""
        self.assertEqual(run.process.wait(60), 0, run.said[-6000:])
        self.assertLess(time.monotonic() - run.began, 180)
        table = run.table()
        verified = subprocess.run(
            [f"{BIN}/sluice-auditor", "verify", os.path.join(self.data, "auditor", "trail")],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        self.assertEqual((table["messages"], table["delivered"]), (500, 500), table)
        self.assertEqual((table["dead"], table["lost"]), (0, 0), table)
        self.assertIn(table["fullest window per key"], fullest, table)
        return table

    def test_by_itself(self):
        run = self.demo()
        for _ in run.lines():
            pass
        table = self.assert_good(run)
        self.assertEqual((table["duplicates"], table["bans"]), (0, 0), table)
        self.assertEqual((table["attempts"], table["unknown fates"]), (500, 0), table)


class OnRedis(Demo):
    """With a redis-server that it starts itself: no closure, as it knows that it is new."""

    def test_by_itself(self):
        run = self.demo("--redis", "start")
        for _ in run.lines():
            pass
        self.assert_good(run)

    def test_three_limiters_and_two_dispatchers(self):
        run = self.demo("--redis", "start", "--limiters", "3", "--dispatchers", "2")
        for _ in run.lines():
            pass
        table = self.assert_good(run)
        self.assertEqual((table["attempts"], table["duplicates"]), (500, 0), table)
        self.assertEqual(set(run.pids), {"redis", "upstream", "limiter-2", "limiter-3",
                                         "dispatcher-2", *STAGES})


STAGES = ("ingest", "limiter", "dispatcher", "auditor", "alerter")
THREES = list(itertools.combinations(STAGES, 3))


class Killed(Demo):
    """Each of the five is killed twice, in an order that is drawn, then three of them at once. The
    seed is the day's, so that in time every order comes; SLUICE_SEED=N repeats one."""

    test_by_itself = None

    def setUp(self):
        self.seed = int(os.environ.get("SLUICE_SEED", time.time() // 86400))
        chance = random.Random(self.seed)
        self.order = [(name,) for name in STAGES * 2]
        chance.shuffle(self.order)
        self.order.append(THREES[chance.randrange(len(THREES))])
        self.pauses = [chance.uniform(0.2, 1.0) for _ in self.order]
        self.killed = dict.fromkeys(STAGES, 0)

    def kill_each(self, run):
        for names, pause in zip(self.order, self.pauses):
            time.sleep(pause)
            for name in names:
                # The one that was started after the last kill: the supervisor takes its time.
                eventually(f"{name} is there", lambda n=name: len(run.pids[n]) > self.killed[n], 30)
            for name in names:
                os.kill(run.pids[name][-1], signal.SIGKILL)
                self.killed[name] += 1

    def test_each_of_the_five_killed_twice_and_three_at_once(self):
        print(f"SLUICE_SEED={self.seed}: {self.order}")
        run = self.demo()
        killer = threading.Thread(target=self.kill_each, args=[run], daemon=True)
        for line in run.lines():
            if "are accepted" in line:
                killer.start()
        killer.join(60)
        table = self.assert_good(run, range(3, 11))  # what was killed did not send meanwhile
        self.assertEqual(sum(self.killed.values()), 13, self.killed)
        self.assertEqual(run.said.count("was killed by signal 9"), 13)
        started = {name: len(run.pids[name]) - 1 for name in STAGES}
        self.assertEqual(started, self.killed)
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
