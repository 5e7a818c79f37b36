"""scripts/run with several of a stage, and with a Redis of its own."""

import os
import re
import signal
import subprocess
import sys
import types
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from run_test import Supervised  # noqa: E402
from supervise import layout, redis, several  # noqa: E402


class Spread(unittest.TestCase):
    SETTINGS = {stage: {"health_listen": f"127.0.0.1:{8080 + n}", "listen": []}
                for stage, n in layout.HEALTH.items()}
    COUNTS = {"limiter": 3, "dispatcher": 2}

    def spread(self, **limiter):
        settings = self.SETTINGS | {"limiter": self.SETTINGS["limiter"] | limiter}
        commands = {stage: [stage] for stage in layout.STAGES}
        return several.spread(commands, self.COUNTS, settings, "/d")

    def test_who_dials_several_is_told_them_all(self):
        found = self.spread(store="redis")
        self.assertEqual(list(found), ["auditor", "limiter", "limiter-2", "limiter-3",
                                       "dispatcher", "dispatcher-2", "alerter", "ingest"])
        both = "ipc:///d/run/dispatcher.sock,ipc:///d/run/dispatcher-2.sock"
        self.assertEqual(found["limiter"], ["limiter", "--dispatchers", both])
        self.assertEqual(found["limiter-3"], found["limiter"] + [
            "--instance", "3", "--listen", "ipc:///d/run/limiter-3.sock",
            "--health-listen", "127.0.0.1:8102"])
        self.assertEqual(found["ingest"][1:], ["--limiters", ",".join(
            f"ipc:///d/run/limiter{n}.sock" for n in ("", "-2", "-3"))])
        self.assertEqual(found["dispatcher"], ["dispatcher"])

    def test_the_first_is_where_its_settings_say(self):
        found = self.spread(store="redis", listen=["tcp://127.0.0.1:7000"])
        self.assertIn("tcp://127.0.0.1:7000,ipc:///d/run/limiter-2.sock", found["ingest"][2])

    def test_each_ingest_has_a_store_and_a_front_door_of_its_own(self):
        settings = self.SETTINGS | {"ingest": self.SETTINGS["ingest"] | {"listen": "127.0.0.1:8080"}}
        commands = {stage: [stage, "--data-dir", "/d", "--last"] for stage in layout.STAGES}
        found = several.spread(commands, {"ingest": 3}, settings, "/d")
        dials = ["--limiters", "ipc:///d/run/limiter.sock", "--auditors", "ipc:///d/run/auditor.sock"]
        self.assertEqual(found["ingest"], ["ingest", "--data-dir", "/d", "--last", *dials])
        self.assertEqual(found["ingest-3"], ["ingest", "--last", *dials, "--data-dir", "/d/ingest-3",
                                             "--instance", "3", "--listen", "127.0.0.1:8110",
                                             "--health-listen", "127.0.0.1:8101"])

    def test_not_on_embedded_stores(self):
        with self.assertRaises(layout.Stop) as caught:
            self.spread(store="sqlite")
        self.assertEqual(caught.exception.code, 78)

    def test_no_two_listen_at_one_port(self):
        settings = self.SETTINGS | {"ingest": self.SETTINGS["ingest"] | {"listen": "127.0.0.1:8080"}}
        found = layout.addresses(settings, ["--listen=127.0.0.1:8090"])
        found |= several.addresses({"ingest": 9, "limiter": 9, "dispatcher": 9}, settings)
        self.assertEqual(len(found), 7 + 32)
        self.assertEqual(len(set(found.values())), len(found))


class Own(unittest.TestCase):
    def test_a_path_that_no_socket_can_have(self):
        with self.assertRaises(layout.Stop) as caught:
            redis.of(types.SimpleNamespace(redis="start"), "/tmp/" + "x" * 100)
        self.assertEqual(caught.exception.code, 78)


class Told(Supervised):
    def told(self, pattern):
        """Whoever is ready may have said its flags before or after that is known."""
        return re.search(pattern, self.said) or self.until(pattern)


class Several(Told):
    def test_each_has_its_own_flags_and_all_are_stopped(self):
        self.start("--limiters=2", "--dispatchers=2", "--redis=redis://127.0.0.1:1")
        self.until("try: ")
        self.told(r"limiter-2 \| told .*--store redis --redis redis://127\.0\.0\.1:1.*--instance 2")
        self.told(r"ingest \| told .*--limiters ipc\S+limiter\.sock,ipc\S+limiter-2\.sock")
        self.run.send_signal(signal.SIGINT)
        self.assertEqual(self.code(), 0, self.said)
        for name in ("limiter", "limiter-2", "dispatcher", "dispatcher-2"):
            self.assertIn(f"{name} | drained", self.said)
        self.assertNotIn("--fresh", self.said)

    def test_on_one_store_only(self):
        self.start("--limiters=2")
        self.assertEqual(self.code(), 78)
        self.assertIn("several limiters need one store between them", self.said)


class OwnRedis(Told):
    def ping(self):
        return self.cli("ping")

    def cli(self, *words):
        run = subprocess.run(["redis-cli", "-s", self.at("data/redis/redis.sock"), *words],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=30,
                             stderr=subprocess.STDOUT, text=True, check=False)
        return run.stdout.strip()

    def test_fresh_is_said_once(self):
        self.start("--redis=start")
        self.until(r"redis started")
        pid = int(self.until(r"limiter started, pid (\d+)").group(1))
        self.until("try: ")
        self.told(r"limiter \| told .*--store-topology single.* --fresh\n")
        self.assertEqual(self.ping(), "PONG")
        self.assertEqual(self.cli("config", "get", "maxmemory").split(),
                         ["maxmemory", str(redis.memory())])
        self.assertEqual(self.cli("config", "get", "maxmemory-policy").split()[1], "noeviction")
        os.kill(pid, signal.SIGKILL)
        self.until(r"limiter started, pid")
        again = self.until(r"limiter \| told (.*)").group(1)
        self.assertNotIn("--fresh", again)
        self.run.send_signal(signal.SIGINT)
        self.assertEqual(self.code(), 0, self.said)
        self.assertNotEqual(self.ping(), "PONG")  # it ended with the rest
        self.said = ""
        self.start("--redis=start")
        self.until("try: ")
        self.assertNotIn("--fresh", self.told(r"limiter \| told (.*)").group(1))


if __name__ == "__main__":
    unittest.main()
