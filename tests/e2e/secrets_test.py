"""Secrets of AWS Secrets Manager: read at start, read again when they are refused, never in a log."""

import time

import moto
from harness import eventually
from redis_server import RedisServer

TOKEN = "huntaze/onlyfans"
KEPT_S = 10.5  # a value that has just been read is not read again for its being refused


def words_of(made):
    """All that processes have written about themselves."""
    return "".join(made.log(name) for name in made.names())


class Kept(moto.OnMoto):
    def setUp(self):
        super().setUp()
        self.token = "Bearer hunter-one"
        self.upstream = self.recorder(self.act)

    def act(self, door, _):
        if door.headers["Authorization"] == self.token:
            return None
        door.reply(401)
        return True

    def keep(self, name, text, again=False):
        call = "put_secret_value(SecretId" if again else "create_secret(Name"
        self.aws.boto3(f'client("secretsmanager").{call}={name!r}, SecretString={text!r})')

    def start(self, flags=(), field="token", **options):
        self.made = self.pipeline(url=self.upstream.url, time_scale=0.02, **options, more=f"""
credential = "secret://aws/{TOKEN}#{field}"
statuses = ["401: failed"]
[aws]
region = "{moto.REGION}"
endpoint = "{self.aws.url}"
""")
        with open(self.made.settings, encoding="utf-8") as file:
            text = file.read()
        with open(self.made.settings, "w", encoding="utf-8") as file:
            file.write(text.replace("[sluice]", '[sluice]\nlog_level = "debug"'))
        self.made.start(flags=flags)

    def tokens(self):
        return [headers["authorization"] for _, headers, _ in self.upstream.arrivals]

    def send(self, name):
        self.accept(self.made, {"messageId": name, "userId": "u"})
        self.assertEqual(self.made.settle([name], 60)[name], "delivered")

    def assert_unsaid(self):
        self.made.stop()
        words = words_of(self.made).lower()
        for secret in ("hunter-", "neverlogged"):
            self.assertNotIn(secret, words)

    def test_one_that_changes_is_read_again_when_it_is_refused(self):
        self.keep(TOKEN, '{"token": "Bearer hunter-one"}')
        self.start()
        self.send("m-1")
        time.sleep(KEPT_S)
        self.token = "Bearer hunter-two"
        self.keep(TOKEN, '{"token": "Bearer hunter-two"}', again=True)
        self.send("m-2")
        self.assertEqual(self.tokens(), ["Bearer hunter-one"] * 2 + ["Bearer hunter-two"])
        self.assert_unsaid()

    def test_one_that_is_not_there_is_named_and_awaited(self):
        self.start()
        eventually("it is said", lambda: "a secret cannot be read" in self.made.log("dispatcher"))
        said = self.made.log("dispatcher")
        line = next(line for line in said.splitlines() if "a secret cannot be read" in line)
        for word in ("sluice.toml:", "credential", TOKEN, "ResourceNotFoundException"):
            self.assertIn(word, line)
        self.accept(self.made, {"messageId": "m-1", "userId": "u"})
        self.keep(TOKEN, '{"token": "Bearer hunter-one"}')
        self.assertEqual(self.made.settle(["m-1"], 60)["m-1"], "delivered")
        self.assertEqual(self.tokens(), ["Bearer hunter-one"])
        self.assert_unsaid()

    def test_one_for_each_key_is_looked_at_as_a_whole(self):
        self.keep(TOKEN, '{\n  "u": "Bearer hunter-one"\n}\n')
        self.start(field="{key}")
        self.send("m-1")
        self.assertNotIn("a secret cannot be read", self.made.log("dispatcher"))
        self.made.kill("dispatcher")
        self.keep(TOKEN, "Bearer hunter-one", again=True)
        self.made.start("dispatcher")
        eventually("it is said", lambda: "no JSON object" in self.made.log("dispatcher"))
        self.assert_unsaid()

    def test_a_store_whose_password_changes(self):
        redis = RedisServer()
        self.addCleanup(redis.close)
        redis.cli("config", "set", "requirepass", "hunter-redis")
        self.keep(TOKEN, '{"token": "Bearer hunter-one"}')
        self.keep("huntaze/redis", "hunter-redis")
        self.start(flags=["--fresh"], redis=redis.url, stages={"limiter": [
            'redis_password = "secret://aws/huntaze/redis"']})
        self.send("m-1")
        time.sleep(KEPT_S)
        redis.cli("-a", "hunter-redis", "config", "set", "requirepass", "hunter-second")
        self.keep("huntaze/redis", "hunter-second", again=True)
        redis.cli("-a", "hunter-second", "client", "kill", "type", "normal")
        self.send("m-2")
        self.assert_unsaid()
