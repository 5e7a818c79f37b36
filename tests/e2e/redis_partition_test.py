"""Partitions that one side does not see: a replica that was cut off is promoted while the old primary
is still reached by some limiters; a limiter loses the store alone; a dispatcher loses its limiters
alone. All in networks that the test makes itself."""

import contextlib
import os
import re
import time
import unittest

from harness import Pipeline, eventually, layout, request
from namespaces import Namespace, Wire, cannot
from redis_faults import Load, OnReplicated, Server, closed_s

CUT_S = 5
PORT = 6379
ALL = ("limiter", "limiter-2", "limiter-3")
OTHERS = ALL[:2]  # the third is on the other side


class Named(Pipeline):
    """Each limiter has names for addresses of its own (the hosts file of its own mounts); the second
    dispatcher listens where its links can be cut."""

    def __init__(self, folder, **options):
        self.dispatcher_port, self.ports = layout.reserve_ports(1)
        super().__init__(folder, **options)

    def called(self, limiters, name, address):
        for limiter in limiters:
            with open(self.hosts(limiter), "w", encoding="ascii") as file:
                file.write(f"127.0.0.1 localhost\n{address} {name}\n")

    def hosts(self, limiter):
        return os.path.join(self.folder, f"hosts-{limiter}")

    def commands(self):
        found = super().commands()
        ours = f"ipc://{self.data}/run/dispatcher-2.sock"
        tcp = f"tcp://127.0.0.2:{self.dispatcher_port}"
        for name in ALL:
            plain = [word.replace(ours, tcp) for word in found[name]]
            found[name] = ["unshare", "--mount", "sh", "-c",
                           'mount --bind "$0" /etc/hosts && exec "$@"', self.hosts(name), *plain]
        found["dispatcher-2"] = [word.replace(ours, tcp) for word in found["dispatcher-2"]]
        return found


@unittest.skipIf(cannot(), "no network namespaces")
class Partitioned(OnReplicated):
    """The processes are in one network, each redis-server is in one of its own. Each has a wire for
    two limiters, and one for the third; between them is one more."""

    kind = Named

    def setUp(self):
        spaces = [Namespace() for _ in range(3)]
        for space in spaces:
            self.addCleanup(space.close)
        self.home, self.here, self.there = spaces
        self.enterContext(self.home.entered())

    def servers(self):
        self.primary, self.replica = Server(self.here, PORT), Server(self.there, PORT)
        self.spare = Server(self.there)  # the replica's own, for the time after
        for server in (self.primary, self.replica, self.spare):
            self.addCleanup(server.close)
        self.between = Wire(self.here, self.there)
        self.wires = {server: (Wire(self.home, space), Wire(self.home, space))
                      for server, space in ((self.primary, self.here), (self.replica, self.there))}
        self.spare.follow(self.replica)
        self.replica.follow(self.primary, self.between.near)
        self.primary.has_replica()
        self.replica.has_replica()
        self.make(f"redis://store:{PORT}")
        self.lead_to(self.primary, ALL)

    def lead_to(self, server, limiters):
        """What the store's name means to these limiters from now on."""
        for limiter in limiters:
            wire = self.wires[server][limiter not in OTHERS]
            self.pipe.called([limiter], "store", wire.far)

    def start(self):
        self.servers()
        self.pipe.start(flags=["--fresh"])
        self.load = Load(self.pipe)
        self.goes_on("the start")


class Promoted(Partitioned):
    def expect_refused(self, server):
        eventually("it takes no writes", lambda: "NOREPLICAS" in server.cli("set", "probe", "1"), 10)

    def promote(self, server, seen_by):
        self.assertEqual(server.cli("replicaof", "no", "one"), "OK")
        self.forgets()
        self.lead_to(server, seen_by)

    def test_while_the_old_primary_is_up(self):
        self.start()
        self.between.cut()  # the old primary with two limiters, the replica with the third
        self.wires[self.primary][1].cut()
        time.sleep(CUT_S)
        self.promote(self.replica, ["limiter-3"])
        self.expect_refused(self.primary)
        self.goes_on("the promotion, for some", closed_s() + 30)
        self.assertEqual(self.primary.cli("role").split()[0], "master")  # and reached all the time
        self.lead_to(self.replica, OTHERS)
        for limiter in OTHERS:
            self.pipe.wait_ready(limiter)
        self.goes_on("the promotion, for all", closed_s() + 30)
        self.come_back()
        self.all_is_well(self.load, 120)

    def come_back(self):
        """The old primary follows the new one, and is promoted again."""
        self.between.heal()
        self.wires[self.primary][1].heal()
        self.primary.follow(self.replica, self.between.far)
        eventually("it follows", lambda: "master_link_status:up" in
                   self.primary.cli("info", "replication"), 30)
        for server in (self.replica, self.primary):  # there are two to be waited for from now on
            server.cli("config", "set", "min-replicas-to-write", "2")
        self.goes_on("the demotion")
        self.promote(self.primary, ALL)
        for server in (self.replica, self.spare):
            server.follow(self.primary, self.between.near)
        self.goes_on("the promotion of the old one", closed_s() + 60)


class Alone(Partitioned):
    def delivered_by(self, name):
        """How many attempts of that dispatcher were answered well."""
        text = request(self.pipe.health(name), "GET", "/metrics").body.decode()
        found = re.search(r'^sluice_attempts_total\{ended="delivered"\} (\S+)', text, re.M)
        return float(found[1]) if found else 0.0

    @contextlib.contextmanager
    def without_limiters(self):
        """The second dispatcher."""
        self.home.run("ip", "route", "add", "blackhole", "127.0.0.2/32", "table", "local")
        yield
        self.home.run("ip", "route", "delete", "blackhole", "127.0.0.2/32", "table", "local")

    def test_one_limiter_and_one_dispatcher(self):
        self.start()
        wire = self.wires[self.primary][1]
        wire.cut()
        eventually("it says so", lambda: not self.pipe.ready("limiter-3"), 30)
        self.goes_on("one limiter lost the store")
        wire.heal()
        self.pipe.wait_ready("limiter-3")
        self.goes_on("it is back")
        with self.without_limiters():
            time.sleep(8)  # the links are given up after 5 s
            before = self.delivered_by("dispatcher-2")
            self.goes_on("one dispatcher lost the limiters")
            self.assertEqual(self.delivered_by("dispatcher-2"), before)
        eventually("it has work again",
                   lambda: self.delivered_by("dispatcher-2") > before, 30)
        self.all_is_well(self.load, 120)
