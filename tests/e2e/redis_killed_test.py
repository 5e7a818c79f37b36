"""Every process is killed, and stopped for ten seconds, in turn, on a Redis with a replica, under a
steady load: nothing is over, nothing is lost, nothing is sent twice without a reason on record."""

import os
import signal
import time

from redis_faults import SCALE, WINDOW_S, Load, OnReplicated, closed_s

STOPPED_S = 10  # never scaled: links are given up after 5 s


class Killed(OnReplicated):
    def test_each_process_and_the_store(self):
        self.servers()
        self.open()
        load = Load(self.pipe)
        self.goes_on("the start")
        for name in ("limiter", "dispatcher", "ingest", "limiter-2", "auditor", "dispatcher-2",
                     "limiter-3"):
            self.pipe.kill_and_restart(name, after=WINDOW_S / 8)
            time.sleep(WINDOW_S / 4)
        self.goes_on("each was killed")
        self.replica.kill()  # its primary takes no writes until it is back
        time.sleep(4)
        self.replica.start()
        self.goes_on("the replica was killed")
        self.primary.kill()
        time.sleep(1)
        self.primary.start()
        self.goes_on("the store was killed", closed_s() + 60)
        self.all_is_well(load, 120)


class Stopped(OnReplicated):
    def stop(self, what, pid):
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(STOPPED_S)
        finally:
            os.kill(pid, signal.SIGCONT)
        self.goes_on(f"{what} was stopped")

    def test_for_ten_seconds(self):
        self.servers()
        # Whoever is stopped so long is within max_pause, as it is unscaled.
        self.open(more=f'max_pause = "{1.2 * STOPPED_S / SCALE}s"\n')
        load = Load(self.pipe)
        self.goes_on("the start")
        for name in ("limiter-2", "dispatcher-2"):
            self.stop(name, self.pipe.processes[name].pid)
        self.stop("the store", self.primary.process.pid)
        self.all_is_well(load, 120)
