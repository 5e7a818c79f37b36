"""What the tests of faults on Redis share: a primary with its replica, a steady load, and what must
hold when all is over, as the upstream, the front door and the trail tell it."""

import collections
import contextlib
import glob
import http.client
import json
import os
import threading
import time

from harness import ENDED, EndToEnd, eventually, layout
from redis_server import Leads, RedisServer

SCALE = 0.05
WINDOW_S = 60 * SCALE
TIMEOUT = 'timeout = "1s"\n'  # of the upstream; not scaled
LAG_S, OVERLAP_S = 2, 5  # of the replica; of two primaries


def closed_s(max_pause=60.0, overlap_s=OVERLAP_S, scale=SCALE, timeout_s=1):
    """How long a store that may have forgotten stays closed: W + guard, a lease (start_window,
    timeout, max_pause), unknown_hold, store_overlap."""
    return (60 + 1 + 2 + max_pause + 60) * scale + timeout_s + overlap_s


class Server(RedisServer):
    """Kept as the runbook has it: an append-only file, and a replica that must be there."""

    def __init__(self, inside=None, port=None):
        """`inside`: a namespace, where that port is free."""
        self.before = inside.command() if inside else ()
        self.port, self.ports = (port, contextlib.ExitStack()) if port else layout.reserve_ports(1)
        super().__init__("--port", str(self.port), "--appendonly", "yes", "--appendfsync",
                         "everysec", "--repl-diskless-sync-delay", "0", "--min-replicas-to-write",
                         "1", "--min-replicas-max-lag", str(LAG_S), "--protected-mode", "no")

    def follow(self, other, host="127.0.0.1"):
        """Also when it is started again."""
        assert self.cli("replicaof", host, str(other.port)) == "OK"
        self.conf += ["--replicaof", host, str(other.port)]

    def has_replica(self):
        eventually("the replica follows",
                   lambda: "state=online" in self.cli("info", "replication"), 30)

    def close(self):
        super().close()
        self.ports.close()


class Load(threading.Thread):
    """Posts all the time: one key that always has something to send, and `quiet` others in turn.
    A post without an answer is repeated until it has one: its id is its identity."""

    def __init__(self, pipe, quiet=12, every_s=0.1, ahead=12):
        super().__init__(daemon=True)
        self.pipe, self.quiet, self.every_s, self.ahead = pipe, quiet, every_s, ahead
        self.names, self.over, self.trouble = [], threading.Event(), None
        self.busy, self.lock = 0, threading.Lock()
        self.start()

    def run(self):
        try:
            turn = 0
            while not self.over.is_set():
                turn += 1
                self.add(f"quiet-{turn % self.quiet}")
                if turn % 5 == 0:
                    self.saturate()
                self.over.wait(self.every_s)
        except Exception as error:  # said by end()
            self.trouble = error

    def saturate(self):
        try:
            went = self.pipe.report()["keys"].get("busy", {}).get("arrivals", 0)
        except (OSError, http.client.HTTPException):
            return
        while self.busy < went + self.ahead:
            self.add("busy")
            self.busy += 1

    def add(self, user, **more):
        """The id of one that was accepted."""
        with self.lock:
            return self.post({"messageId": f"m-{len(self.names)}", "userId": user, **more})

    def post(self, document):
        name = document["messageId"]
        while True:
            try:
                answer = self.pipe.post(document, Prefer="respond-async")
            except (OSError, http.client.HTTPException):
                time.sleep(0.1)
                continue
            if answer.status == 503:
                time.sleep(0.1)
                continue
            if answer.status != 202:
                raise AssertionError(f"{name}: {answer}")
            self.names.append(name)
            return name

    def end(self):
        """The ids of all that was accepted."""
        self.over.set()
        self.join(60)
        if self.is_alive() or self.trouble:
            raise AssertionError(f"the load hangs, or met: {self.trouble!r}")
        return self.names


def trail(pipe):
    """The lines of the trail, parsed, in order."""
    lines = []
    for path in sorted(glob.glob(os.path.join(pipe.data, "auditor", "trail", "*.ndjson"))):
        with open(path, encoding="ascii") as file:
            lines += [json.loads(line) for line in file if line.endswith("\n")]
    return lines


def by_message(lines):
    found = collections.defaultdict(list)
    for line in lines:
        if line["t"] in ("attempt", "settlement", "late"):
            found[line["key"], line["id"], line["generation"]].append(line)
    return found


def tried(lines):
    """A message's attempts that may have put bytes on the wire, each once, in order."""
    return list({line["serial"]: line for line in reversed(lines)
                 if line["ended"] not in ("", "not_started")}.values())[::-1]


REPEATED = ("failed", "throttled", "unknown")  # why a message may be sent again


class OnReplicated(EndToEnd):
    """A pipeline of 3 limiters and 2 dispatchers on a primary with a replica."""

    minutes = 4
    counts = {"limiter": 3, "dispatcher": 2}
    scale = SCALE
    store_topology, overlap_s = "replicated", OVERLAP_S
    losses = ()
    unrecorded = 0  # attempts that no process knew of any more, at most

    def servers(self):
        self.primary, self.replica = Server(), Server()
        for server in (self.primary, self.replica):
            self.addCleanup(server.close)
        self.replica.follow(self.primary)
        self.primary.has_replica()

    def servers_that_take_over(self):
        """The replica has one of its own, for the time after; the store's URL is where `leads` does."""
        OnReplicated.servers(self)
        spare = Server()
        self.addCleanup(spare.close)
        spare.follow(self.replica)
        self.replica.has_replica()
        self.leads = Leads(self.primary)

    def take_over(self):
        self.assertEqual(self.replica.cli("replicaof", "no", "one"), "OK")
        self.forgets()
        self.leads.to(self.replica)

    def make(self, redis=None, more="", **options):
        """`more`: of the upstream and what stands after it."""
        stages = {"limiter": [f'store_overlap = "{self.overlap_s / self.scale}s"']}
        self.pipe = self.pipeline(
            time_scale=self.scale, redis=redis or f"redis://127.0.0.1:{self.primary.port}",
            counts=self.counts, store_topology=self.store_topology, stages=stages,
            more=TIMEOUT + more, **options)

    def open(self, redis=None, more="", **options):
        self.make(redis, more, **options)
        self.pipe.start(flags=["--fresh"])

    def arrivals(self):
        return self.pipe.report()["arrivals"]

    def goes_on(self, what, seconds=60, more=20):
        before = self.arrivals()
        eventually(f"messages go after {what}", lambda: self.arrivals() >= before + more, seconds)

    def all_is_well(self, load, seconds):
        """Everything accepted ends once; nothing was over, or sent twice without a reason."""
        names = load.end()
        states = self.pipe.settle(names, seconds)
        self.assertEqual(set(states.values()), {"delivered"})
        report = self.pipe.report()
        said = {name: value for name, value in report.items() if name != "keys"}
        self.assertEqual((report["over"], report["bans"], report["altered"]), (0, 0, 0), report)
        self.assertLessEqual(report["fullest_window"], 10)
        self.assertEqual(report["delivered"], len(names), said)
        self.ended_once(names, report)
        print(f"{self.id()}: {len(names)} messages, {said}")
        return report

    def forgets(self):
        """The store, now: what was settled a moment ago and not told may be sent once more."""
        self.losses = [*self.losses, time.time() * 1e6]

    def forgotten(self, earlier, later):
        return any(earlier["granted_at"] <= at <= later["granted_at"] for at in self.losses)

    def ended_once(self, names, report):
        found = by_message(trail(self.pipe))
        self.assertEqual(len(found), len(names))
        reasons = sent = 0
        for lines in found.values():
            attempts, again = tried(lines), 0
            for earlier, later in zip(attempts, attempts[1:]):
                if earlier["ended"] not in REPEATED:
                    self.assertTrue(self.forgotten(earlier, later), lines)
                    again += 1
            ends = [line["settlement"] for line in lines if line["settlement"]]
            self.assertEqual(set(ends), {"delivered"}, lines)
            self.assertLessEqual(len(ends), 1 + again, lines)
            sent += len(attempts)
            reasons += len(attempts) - 1
        sent, reasons = sent + self.unrecorded, reasons + self.unrecorded
        self.assertLessEqual(report["arrivals"], sent)
        self.assertLessEqual(report["duplicates"]["total"], reasons, report["duplicates"])
