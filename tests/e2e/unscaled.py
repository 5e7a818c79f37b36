"""By hand, some twelve minutes: ten minutes of load at 10 per 60 s, nothing scaled, on 3 limiters,
2 dispatchers and a Redis with replicas, while processes are killed and stopped and a replica that was
cut off takes over beside the old primary. No test runs it.

usage: nice python3 tests/e2e/unscaled.py
"""

import os
import signal
import time
import unittest

from redis_faults import LAG_S, Load, OnReplicated, closed_s

MINUTES, STOPPED_S, CUT_S = 10, 10, 5


class Unscaled(OnReplicated):
    scale = 1.0

    def say(self, what):
        report = self.pipe.report()
        print(f"{time.monotonic() - self.began:6.1f} s  {what}: {report['arrivals']} arrivals, "
              f"fullest window {report['fullest_window']}, over {report['over']}, "
              f"duplicates {report['duplicates']['total']}", flush=True)

    def until(self, second):
        time.sleep(max(0.0, self.began + second - time.monotonic()))

    def killed(self, *names):
        for name in names:
            self.pipe.kill_and_restart(name, after=2)
            self.say(f"{name} was killed")

    def stopped(self, what, pid):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(STOPPED_S)
        os.kill(pid, signal.SIGCONT)
        self.say(f"{what} was stopped for {STOPPED_S} s")

    def promoted(self):
        self.replica.cli("replicaof", "127.0.0.1", "1")
        time.sleep(CUT_S)
        self.take_over()
        self.say(f"a replica was cut off for {CUT_S} s, and takes over")
        before, at = self.arrivals(), time.monotonic()
        closed = closed_s(scale=1.0)
        self.until(at - self.began + closed - 2 * LAG_S)
        self.say("the closure is nearly over")
        self.goes_on("the promotion", 150, more=1)
        self.say(f"it opened {time.monotonic() - at:.1f} s after the promotion ({closed:.0f} s are "
                 f"due), at {before} arrivals")
        self.assertEqual(self.primary.cli("ping"), "PONG")

    def test_ten_minutes(self):
        self.servers_that_take_over()
        self.open(self.leads.url)
        self.began = time.monotonic()
        load = Load(self.pipe, every_s=1.0, ahead=12)
        self.until(20)
        self.killed("limiter", "dispatcher", "ingest", "limiter-2", "auditor")
        self.until(60)
        for name in ("limiter-3", "dispatcher-2"):
            self.stopped(name, self.pipe.processes[name].pid)
        self.until(100)
        self.stopped("the store", self.primary.process.pid)
        self.until(130)
        self.promoted()
        self.until(450)
        self.killed("dispatcher-2", "limiter-3", "limiter-2", "limiter", "dispatcher")
        self.until(60 * MINUTES)
        self.say("the load ends")
        self.all_is_well(load, 400)
        self.say("all has ended")


if __name__ == "__main__":
    unittest.main()
