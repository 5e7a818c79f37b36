"""A whole Sluice that is measured: its processes, what they used, how far they are."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from harness import BIN, Pipeline, layout, request
from redis_server import RedisServer

TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")
COUNTED = layout.STAGES  # the sink and whoever produces are not Sluice
WIDE = '[[limit]]\nupstream = "onlyfans"\nn = 100000\nwindow = "1s"\n'  # a limit that does not bind
STALL_S = 30  # nothing settled for so long: given up


def used(pid):
    """(CPU in microseconds, by ticks of 10 ms, of user and system; resident bytes)."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        resident = int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) * 1024
    return int(fields[11]) * TICK_US, int(fields[12]) * TICK_US, resident


class Measured(Pipeline):
    """All five stages in a folder of their own, which `close` removes."""

    def __init__(self, parsed, url=None, times=False, redis=None):
        self.scratch = tempfile.mkdtemp(prefix="run-", dir=parsed.folder)
        self.times = os.path.join(self.scratch, "times") if times else None
        super().__init__(self.scratch, url=url, time_scale=1.0, more=WIDE,
                         redis=redis.url if redis else None)
        self.perf, self.server = None, redis

    def command(self, name):
        if name != "upstream":
            return super().command(name)
        command = [f"{BIN}/sluice-upstream", f"--listen=127.0.0.1:{self.port + layout.UPSTREAM}",
                   "--key=body:/userId", "--n=1000000", "--window=1"]
        return command + ([f"--times-file={self.times}"] if self.times else [])

    def profile(self, stage, path):
        """perf records this stage from now on; it ends with the stage."""
        self.perf = subprocess.Popen(
            ["perf", "record", "-q", "-F", "499", "--call-graph", "dwarf,8192", "-o", path, "-p",
             str(self.processes[stage].pid)], stdin=subprocess.DEVNULL)

    def close(self):
        if self.perf:
            self.perf.send_signal(signal.SIGINT)
            self.perf.wait()
        codes = self.stop()
        self.guard.close()
        shutil.rmtree(self.scratch, ignore_errors=True)
        bad = {name: code for name, code in codes.items() if code}
        if bad:
            raise RuntimeError(f"ended wrongly: {bad}")

    def metric(self, stage, name):
        text = request(self.health(stage), "GET", "/metrics").body.decode()
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M)
        return sum(float(value) for value in found)

    def used(self):
        pids = {name: self.processes[name].pid for name in COUNTED + ["upstream"]
                if name in self.processes}
        if self.server:
            pids["redis"] = self.server.process.pid
        return {name: used(pid) for name, pid in pids.items()}

    def wait_for(self, stage, metric, count):
        """Until that metric is at least `count`; the moment (monotonic) when it was seen."""
        seen, changed = -1.0, time.monotonic()
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                now = self.metric(stage, metric)
                if now >= count:
                    return time.monotonic()
                if now != seen:
                    seen, changed = now, time.monotonic()
            if time.monotonic() - changed > STALL_S:
                raise RuntimeError(f"{stage}: {metric} stays at {seen:.0f} of {count}")
            time.sleep(0.1)


@contextlib.contextmanager
def pipeline(parsed, run, **options):
    server = RedisServer() if parsed.redis else None
    made = Measured(parsed, redis=server, **options)
    try:
        made.start(flags=["--fresh"] if server else [])
        if parsed.perf:
            made.profile(parsed.perf, os.path.join(parsed.folder, f"perf-{run}-{parsed.perf}.data"))
        yield made
    finally:
        made.close()
        if server:
            server.close()


def difference(before, after, messages):
    """{process: microseconds a message (user, system), resident MiB at the end}."""
    return {name: {"user_us": (after[name][0] - before[name][0]) / messages,
                   "system_us": (after[name][1] - before[name][1]) / messages,
                   "rss_mib": after[name][2] / 2**20} for name in after}


def load(made, parsed, **options):
    """Runs sluice-load against the front door; what it says."""
    words = {"to": f"127.0.0.1:{made.port}", "keys": parsed.keys, "size": parsed.size, **options}
    run = subprocess.run([f"{BIN}/sluice-load"] + [f"--{k}={v}" for k, v in words.items()],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, text=True)
    said = json.loads(run.stdout)
    if said["refused"]:
        raise RuntimeError(f"the front door refused {said['refused']} messages")
    return said
