"""The limiters on a real Redis: killed in turn, and a store that forgets, under a running load.
Arrivals are counted at sluice-upstream, in every closed window."""

import os
import re
import signal
import time

from harness import ROOT, EndToEnd, eventually, request
from redis_server import Leads, RedisCluster, RedisServer, Spreader

SCALE = 0.05
WINDOW_S = 60 * SCALE
TIMEOUT = 'timeout = "1s"\n'  # of the upstream; not scaled
# W + guard + lease (start_window, timeout, max_pause) + unknown_hold + store_overlap.
CLOSED_S = (60 + 1 + 2 + 60 + 60 + 20) * SCALE + 1


class OnRedis(EndToEnd):
    minutes = 4

    def setUp(self):
        self.redis = self.store()
        self.addCleanup(self.redis.close)
        self.names = []

    def store(self):
        return RedisServer()

    def make(self, **options):
        """`store_topology`: instead of single."""
        self.pipe = self.pipeline(time_scale=SCALE, redis=self.redis.url, more=TIMEOUT, **options)

    def open(self, **options):
        self.make(**options)
        self.pipe.start(flags=["--fresh"])

    def post(self, keys, each):
        """Messages of so many keys, in turn."""
        for n in range(each):
            for key in range(keys):
                name = f"m-{len(self.names)}"
                self.accept(self.pipe, {"messageId": name, "userId": f"user-{key}", "n": n},
                            Prefer="respond-async")
                self.names.append(name)

    def explained(self, limiter):
        return self.pipe.explained(limiter, "user-0")

    def arrivals(self):
        return self.pipe.report()["arrivals"]

    def assert_all_went(self, seconds, duplicates=0):
        states = self.pipe.settle(self.names, seconds)
        self.assertEqual(set(states.values()), {"delivered"})
        report = self.pipe.report()
        self.assertEqual((report["over"], report["bans"]), (0, 0), report)
        self.assertLessEqual(report["fullest_window"], 10)
        self.assertLessEqual(report["duplicates"]["total"], duplicates, report)
        return report


class One(OnRedis):
    def test_as_on_the_embedded_store(self):
        self.open()
        self.post(keys=3, each=25)
        self.assertIsNotNone(self.explained("limiter")["departs_at"])
        report = self.assert_all_went(60)
        self.assertGreaterEqual(report["fullest_window"], 9)

    def test_a_store_that_is_not_fit_grants_nothing_until_it_is(self):
        self.redis.cli("config", "set", "maxmemory-policy", "allkeys-lru")
        self.make()
        self.pipe.start(ready=False, flags=["--fresh"])
        self.pipe.wait_ready("ingest")
        self.post(keys=1, each=1)
        eventually("it says why", lambda: "maxmemory-policy is allkeys-lru" in
                   self.pipe.unready("limiter"), 20)
        time.sleep(1)
        self.assertEqual(self.arrivals(), 0)
        told = self.explained("limiter")
        self.assertEqual((told["why"], told["limit"]), ("store_down", "evicts"), told)
        self.redis.cli("config", "set", "maxmemory-policy", "noeviction")
        self.pipe.wait_ready("limiter")
        self.assert_all_went(30)

    def test_a_full_store_grants_nothing_until_there_is_room(self):
        self.redis.cli("setrange", "ballast", str(64 << 20), "x")
        self.make(stages={"limiter": ['store_max = "32MiB"']})
        self.pipe.start(ready=False, flags=["--fresh"])
        self.pipe.wait_ready("ingest")
        eventually("it says why", lambda: "store_max is 33554432" in self.pipe.unready("limiter"), 20)
        self.post(keys=1, each=1)
        time.sleep(1)
        self.assertEqual(self.arrivals(), 0)
        metrics = request(self.pipe.health("limiter"), "GET", "/metrics").body.decode()
        self.assertIn('sluice_limiter_store_unfit{why="full"} 1', metrics)
        self.assertGreater(float(re.search(r"^sluice_limiter_store_bytes (\S+)", metrics, re.M)[1]),
                           64 << 20)
        self.redis.cli("del", "ballast")
        self.pipe.wait_ready("limiter")
        self.assert_all_went(30)

    def test_replicas_must_be_waited_for(self):
        self.make(store_topology="replicated")
        self.pipe.start(ready=False, flags=["--fresh"])
        self.pipe.wait_ready("ingest")
        eventually("it says why", lambda: "min-replicas-to-write is 0 and must be at least 1" in
                   self.pipe.unready("limiter"), 20)

    def ends_with_78(self, why):
        self.pipe.start("limiter", ready=False)
        limiter = self.pipe.processes.pop("limiter")
        self.assertEqual(limiter.wait(30), 78, self.pipe.log("limiter"))
        self.assertIn(why, self.pipe.log("limiter"))

    def test_without_info_it_does_not_start(self):
        self.redis.cli("acl", "setuser", "default", "-info")
        self.make()
        self.ends_with_78("allow +info")

    def test_two_servers_behind_one_address(self):
        other = RedisServer()
        self.addCleanup(other.close)
        between = Spreader([self.redis, other])
        self.addCleanup(between.close)
        self.redis.url = f"redis://127.0.0.1:{between.port}"
        self.make()
        self.ends_with_78("two connections to the store reach two servers")


class User(OnRedis):
    """The runbook's user, and the rotation of its password as the runbook has it."""

    def write_secret(self, word):
        with open(self.secret, "w", encoding="utf-8") as file:
            file.write(word + "\n")

    def test_its_rights_are_enough_and_its_password_may_change(self):
        page = os.path.join(ROOT, "docs", "runbooks", "redis.md")
        with open(page, encoding="utf-8") as file:
            line = next(line for line in file if line.startswith("ACL SETUSER sluice on "))
        self.secret = os.path.join(self.redis.folder, "secret")
        self.write_secret("first")
        named = line.replace("SETUSER sluice", "SETUSER limiter").replace("PASSWORD", "first")
        self.assertEqual(self.redis.cli(*named.split()), "OK")
        self.redis.url = f"redis://limiter@127.0.0.1:{self.redis.listen()}"
        self.make(stages={"limiter": [f'redis_password = "secret://file{self.secret}"']})
        self.pipe.start(flags=["--fresh"])
        self.post(keys=2, each=5)
        self.assert_all_went(30)
        self.assertEqual(self.redis.cli("acl", "setuser", "limiter", ">second"), "OK")
        self.write_secret("second")
        self.assertEqual(self.redis.cli("acl", "setuser", "limiter", "<first"), "OK")
        self.redis.cli("client", "kill", "user", "limiter")
        self.post(keys=2, each=5)
        self.assert_all_went(60)
        self.assertNotIn("first", self.pipe.log("limiter"))


class Clustered(OnRedis):
    def store(self):
        return RedisCluster("--cluster-node-timeout", "500")

    def test_its_node_timeout_proves_the_overlap_and_the_shard_is_on_one_master(self):
        self.open(counts={"limiter": 2}, store_topology="replicated",
                  stages={"limiter": ["redis_cluster = true", f'store_overlap = "{3 / SCALE}s"']})
        self.post(keys=3, each=15)
        self.assert_all_went(60)
        self.assertEqual(sorted(int(node.cli("dbsize")) > 0 for node in self.redis.nodes),
                         [False, False, True])
        for node in self.redis.nodes:
            node.cli("config", "set", "cluster-node-timeout", "2000")
        eventually("it says why", lambda: "cluster-node-timeout is 2s" in
                   self.pipe.unready("limiter"), 20)


class Edited(OnRedis):
    """Limits of two limiters: what one has said holds for both, and the other goes by it without
    having read it."""

    LIMIT = TIMEOUT + '[[limit]]\nupstream = "onlyfans"\nn = {}\nwindow = "60s"\nburst = 3\n'

    def hang_up(self, name):
        self.pipe.processes[name].send_signal(signal.SIGHUP)

    def test_the_store_has_one_truth(self):
        self.pipe = self.pipeline(time_scale=SCALE, redis=self.redis.url,
                                  more=self.LIMIT.format(10), counts={"limiter": 2})
        self.pipe.start(flags=["--fresh"])
        self.post(keys=6, each=8)
        eventually("some went", lambda: self.arrivals() >= 18, 20)
        with open(self.pipe.settings, encoding="utf-8") as file:
            text = file.read()
        with open(self.pipe.settings, "w", encoding="utf-8") as file:
            file.write(text.replace("n = 10", "n = 5"))
        self.hang_up("limiter")  # the other is told by the store
        self.assert_all_went(90)
        self.assertEqual(len(self.pipe.on_record("limits")), 1)


class Killed(OnRedis):
    def test_each_limiter_in_turn(self):
        self.open(counts={"limiter": 3, "dispatcher": 2})
        self.post(keys=6, each=25)
        for name in ("limiter", "limiter-2", "limiter-3"):
            time.sleep(WINDOW_S / 2)
            self.pipe.kill_and_restart(name, after=WINDOW_S / 4)
        self.assert_all_went(90)


class Frozen(OnRedis):
    def test_it_goes_on_where_it_was(self):
        self.open(counts={"limiter": 2, "dispatcher": 2})
        self.post(keys=3, each=25)
        eventually("some went", lambda: self.arrivals() >= 12, 20)
        self.redis.freeze()
        time.sleep(3)  # beyond redis_timeout, within a lease
        told = [name for name in ("limiter", "limiter-2") if self.explained(name)]
        self.assertEqual(len(told), 1)  # whose key it is; the store's word was not waited for
        self.assertIsNone(self.explained(told[0])["departs_at"])
        before = self.arrivals()
        began = time.monotonic()
        self.redis.thaw()
        eventually("they go on", lambda: self.arrivals() > before, 30)
        self.assertLess(time.monotonic() - began, CLOSED_S / 2)  # the same life: nothing is closed
        self.assert_all_went(60)


class Promoted(OnRedis):
    """A replica that was cut off takes over, while the old primary is still up and reached: it stops
    by itself, as it has nobody to write to, and the limiters look for another."""

    def replica_of(self, primary):
        replica = RedisServer("--replicaof", "127.0.0.1", str(primary.listen()))
        self.addCleanup(replica.close)
        eventually("the replica follows", lambda: "state=online" in
                   primary.cli("info", "replication"), 20)
        return replica

    def set_up(self, primary):
        for name, value in (("min-replicas-max-lag", "1"), ("min-replicas-to-write", "1")):
            self.assertEqual(primary.cli("config", "set", name, value), "OK")

    def test_nothing_is_over(self):
        replica = self.replica_of(self.redis)
        self.replica_of(replica)  # its own, for the time after
        self.set_up(self.redis)
        leads = Leads(self.redis)
        self.redis.url = leads.url
        overlap_s = 4  # lag, and what it takes to notice
        self.open(counts={"limiter": 2, "dispatcher": 2}, store_topology="replicated",
                  stages={"limiter": [f'store_overlap = "{overlap_s / SCALE}s"']})
        self.post(keys=3, each=25)
        eventually("some went", lambda: self.arrivals() >= 12, 20)
        replica.cli("replicaof", "127.0.0.1", "1")
        time.sleep(5)
        before = self.arrivals()
        leads.to(replica)
        self.assertEqual(replica.cli("replicaof", "no", "one"), "OK")
        began = time.monotonic()
        eventually("it says why", lambda: "min-replicas-to-write is 0" in
                   self.pipe.unready("limiter"), 30)
        self.set_up(replica)
        while time.monotonic() < began + CLOSED_S + overlap_s - 20 * SCALE - 1:
            self.assertEqual(self.arrivals(), before)
            time.sleep(0.1)
        self.assertEqual(self.redis.cli("ping"), "PONG")  # the old one, all the time
        # Of what was under way, and of what the replica had not heard, the fate is unknown.
        self.assert_all_went(120, duplicates=12)


class Forgets(OnRedis):
    def under_way(self):
        self.open(counts={"limiter": 2, "dispatcher": 2})
        self.post(keys=3, each=25)
        eventually("some went", lambda: self.arrivals() >= 12, 20)

    def assert_closed(self, began):
        """What had left has arrived; nothing more does before the closure's end."""
        time.sleep(1)
        before = self.arrivals()
        while time.monotonic() < began + CLOSED_S - 0.5:
            self.assertEqual(self.arrivals(), before)
            time.sleep(0.1)
        eventually("it opens again", lambda: self.arrivals() > before, 30)

    def test_flushall(self):
        self.under_way()
        began = time.monotonic()
        self.assertEqual(self.redis.cli("flushall"), "OK")
        self.assert_closed(began)
        # Of what was under way the fate is unknown: it may be sent again, each once.
        self.assert_all_went(120, duplicates=6)

    def test_restart_from_an_old_copy(self):
        self.under_way()
        self.assertEqual(self.redis.cli("save"), "OK")
        went = self.arrivals()
        eventually("more went", lambda: self.arrivals() >= went + 6, 30)
        self.redis.kill()
        began = time.monotonic()
        self.redis.start()
        self.assert_closed(began)
        self.assert_all_went(120, duplicates=12)
