"""The main job grown up: 2 ingests empty a queue of SQS, 3 limiters decide on a Redis, 2 dispatchers
send. Every process is killed in turn; then no log, at any level, has a secret or a body in it."""

import json
import os
from unittest import mock

import moto
from harness import eventually, fuller
from redis_faults import REPEATED, SCALE, TIMEOUT, WINDOW_S, by_message, trail, tried
from redis_server import RedisServer
from two_ingests import TwoIngests

QUEUE, USERS = "messages", 12
PASSWORD = "neverlogged-password"
SECRETS = {"AWS_ACCESS_KEY_ID": "AKIANEVERLOGGED", "AWS_SECRET_ACCESS_KEY": "neverlogged-key",
           "AWS_SESSION_TOKEN": "neverlogged-session", "UPSTREAM_TOKEN": "neverlogged-token",
           "REDIS_PASSWORD": PASSWORD}
BODY = "neverlogged-body"


class Grown(moto.OnMoto):
    kind = TwoIngests
    minutes = 3

    def setUp(self):
        super().setUp()
        environment = mock.patch.dict(os.environ, {**SECRETS, "SLUICE_LOG_LEVEL": "debug"})
        environment.start()
        self.addCleanup(environment.stop)
        self.redis = RedisServer("--appendonly", "yes")
        self.addCleanup(self.redis.close)
        self.redis.cli("acl", "setuser", "sluice", "on", ">" + PASSWORD, "~*", "&*", "+@all")
        self.failed_once = set()
        self.upstream = self.recorder(self.act)
        self.pipe = self.pipeline(
            url=self.upstream.url, time_scale=SCALE, counts={"limiter": 3, "dispatcher": 2},
            redis=f"redis://sluice@127.0.0.1:{self.redis.listen()}",
            stages={"ingest": ['hold_visibility = "3s"'],
                    "limiter": ['redis_password = "secret://env/REDIS_PASSWORD"',
                                'ingest_stores = ["ingest-1", "ingest-2"]']},
            more=TIMEOUT + 'credential = "secret://env/UPSTREAM_TOKEN"\n'
            f'[aws]\nregion = "{moto.REGION}"\nendpoint = "{self.aws.url}"\n'
            f'[[queue]]\nname = "{QUEUE}"\npoll_wait = "1s"\n')
        self.aws.make_queue(QUEUE)
        self.sent, self.letters = [], {}

    def act(self, door, body):
        """What "no" is in is refused, "bad" fails always, "once" once."""
        name = json.loads(body)["messageId"]
        kind = name.partition("-")[0]
        if kind == "no":
            door.reply(404)
        elif kind == "bad" or (kind == "once" and name not in self.failed_once):
            self.failed_once.add(name)
            door.reply(500)
        else:
            return None
        return True

    def send(self, count):
        kinds = ["yes"] * 8 + ["once"] * 2 + ["no", "bad"]
        names = [f"{kinds[n % len(kinds)]}-{n}" for n in range(len(self.sent), len(self.sent) + count)]
        self.aws.send(QUEUE, [
            json.dumps({"messageId": name, "userId": f"u-{n % USERS}", "content": f"{BODY} {name}"})
            for n, name in enumerate(names)])
        self.sent += names

    def ids(self):
        return [one["messageId"] for one in self.upstream.bodies()]

    def of_kind(self, *kinds):
        return {name for name in self.sent if name.partition("-")[0] in kinds}

    def dead(self):
        """{id: why}, of what has come to the dead-letter queue."""
        for body, attributes in self.aws.take(QUEUE + "-dlq"):
            self.letters[json.loads(body)["messageId"]] = json.loads(attributes["sluice"])
        return self.letters

    def test_each_process_is_killed_in_turn(self):
        self.pipe.start(flags=["--fresh"])
        self.send(60)
        for name in self.pipe.names():
            self.pipe.kill_and_restart(name, after=WINDOW_S / 8)
            self.send(24)
        self.pipe.wait_ready(*self.pipe.names())
        eventually("all that can arrive do", lambda: set(self.ids()) == set(self.sent), 90)
        eventually("the queue is empty", lambda: self.aws.depth(QUEUE) == (0, 0), 60)
        eventually("each that cannot be sent is dead",
                   lambda: set(self.dead()) >= self.of_kind("no", "bad"), 60)
        dead = self.dead()
        self.assertEqual(set(dead), self.of_kind("no", "bad"))
        for name, why in dead.items():
            refused = name in self.of_kind("no")
            self.assertEqual((why["reason"], why["last_status"]),
                             ("refused", 404) if refused else ("attempts", 500), f"{name}: {why}")
            self.assertGreaterEqual(why["attempts"], 1 if refused else 5)
        for user in range(USERS):
            self.assertEqual(fuller(self.upstream.of(f"u-{user}"), WINDOW_S, 10), {})
        self.assert_ended_once()
        self.assert_nothing_is_told()

    def assert_ended_once(self):
        """As the trail has it: nothing was sent again without a reason, and nothing ended twice."""
        eventually("the trail has it all", lambda: len(by_message(trail(self.pipe))) == len(self.sent),
                   30)
        sent = 0
        for lines in by_message(trail(self.pipe)).values():
            attempts = tried(lines)
            self.assertLessEqual({line["ended"] for line in attempts[:-1]}, set(REPEATED), lines)
            ends = [line["settlement"] for line in lines if line["settlement"]]
            self.assertEqual(len(ends), 1, lines)
            sent += len(attempts)
        self.assertLessEqual(len(self.ids()), sent)

    def assert_nothing_is_told(self):
        for name in self.pipe.names():
            log = self.pipe.log(name)
            self.assertIn(" I ", log, name)
            self.assertNotIn("neverlogged", log.lower(), name)
