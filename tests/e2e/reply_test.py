"""reply_to: the end of a message is told to a webhook, at least once, whatever dies in between."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import threading

from harness import BIN, EndToEnd, eventually, request
from schema import troubles

SECRET = b"a secret of thirty-two bytes long"


class Replies(EndToEnd):
    def setUp(self):
        self.down = threading.Event()  # the hooks answer 503
        self.hooks = self.recorder(self.hook)
        self.api = self.recorder(self.answer)
        secret = "whsec_" + base64.b64encode(SECRET).decode()
        os.environ["SLUICE_TEST_REPLY_SECRET"] = secret
        self.addCleanup(os.environ.pop, "SLUICE_TEST_REPLY_SECRET")

    def hook(self, door, _):
        if not self.down.is_set():
            return None
        door.reply(503)
        return True

    @staticmethod
    def answer(door, body):
        bad = json.loads(body).get("bad")
        door.reply(400 if bad else 200, b'{"sent": "yes"}')
        return True

    def with_replies(self, more=()):
        lines = [f'reply_hosts = ["{self.hooks.url}"]', 'reply_backoff = "100ms"',
                 'reply_secrets = ["secret://env/SLUICE_TEST_REPLY_SECRET"]', *more]
        return self.pipeline(url=self.api.url, stages={"ingest": lines},
                             more='[source]\nreply_to = "/replyTo"\n').start()

    def replied(self, name):
        """Each try of a message's reply: (headers, what it said)."""
        return [(headers, json.loads(body)) for _, headers, body in list(self.hooks.arrivals)
                if json.loads(body)["id"] == name]

    def verify_signature(self, headers, body):
        signed = f'{headers["webhook-id"]}.{headers["webhook-timestamp"]}.'.encode() + body
        mac = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
        self.assertEqual(headers["webhook-signature"], "v1," + mac)

    def test_the_end_is_told_and_signed(self):
        pipeline = self.with_replies()
        hook = self.hooks.url + "/done?of=sluice"
        self.accept(pipeline, {"messageId": "good", "userId": "u", "replyTo": hook})
        self.accept(pipeline, {"messageId": "bad", "userId": "v", "bad": 1, "replyTo": hook})
        self.accept(pipeline, {"messageId": "silent", "userId": "w"})
        eventually("both are told", lambda: len(self.hooks.arrivals) >= 2, 20)
        said = {name: self.replied(name)[0][1] for name in ("good", "bad")}
        self.assertEqual((said["good"]["state"], said["good"]["last_status"]), ("delivered", 200))
        self.assertEqual(said["good"]["key"], "onlyfans:u")
        self.assertEqual(said["good"]["answer"], {"encoding": "text", "body": '{"sent": "yes"}'})
        self.assertEqual((said["bad"]["state"], said["bad"]["last_status"]), ("dead", 400))
        document = request(pipeline.port, "GET", "/openapi.json").json()
        for _, headers, body in self.hooks.arrivals:
            self.verify_signature(headers, body)
            schema = {"$ref": "#/components/schemas/Reply"}
            self.assertEqual(troubles(json.loads(body), schema, document), [])
        pipeline.settle(["silent"], 10)
        self.assertEqual(self.replied("silent"), [])

    def test_a_kill_between_settlement_and_reply_loses_no_reply(self):
        pipeline = self.with_replies()
        self.down.set()
        names = [f"m-{number}" for number in range(12)]
        for name in names:
            hook = self.hooks.url + "/" + name
            self.accept(pipeline, {"messageId": name, "userId": name, "replyTo": hook})
        pipeline.settle(names, 20)
        eventually("all were tried", lambda: all(self.replied(name) for name in names), 20)
        first = {name: self.replied(name)[0][0]["webhook-id"] for name in names}
        self.assertEqual(len(set(first.values())), len(names))
        pipeline.kill("ingest")
        tried = len(self.hooks.arrivals)
        self.down.clear()
        pipeline.start("ingest")
        eventually("all are told", lambda: len(
            {json.loads(body)["id"] for _, _, body in self.hooks.arrivals[tried:]}) == 12, 20)
        for name in names:
            tries = self.replied(name)
            self.assertEqual({headers["webhook-id"] for headers, _ in tries}, {first[name]})
            self.assertEqual(len({json.dumps(said) for _, said in tries}), 1)
        eventually("none waits", lambda: self.waiting(pipeline) == 0)
        pipeline.kill_and_restart("ingest")
        told = len(self.hooks.arrivals)
        self.accept(pipeline, {"messageId": "last", "userId": "z", "replyTo": self.hooks.url + "/"})
        eventually("the last is told", lambda: self.replied("last"), 20)
        self.assertEqual(len(self.hooks.arrivals), told + 1, "who took it is not told again")

    @staticmethod
    def metrics(pipeline):
        lines = request(pipeline.health("ingest"), "GET", "/metrics").body.decode().splitlines()
        return dict(line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))

    def waiting(self, pipeline):
        return float(self.metrics(pipeline)["sluice_replies_count"])

    def test_it_is_given_up_after_its_tries(self):
        pipeline = self.with_replies(more=["reply_tries = 3"])
        self.down.set()
        hook = self.hooks.url + "/x"
        self.accept(pipeline, {"messageId": "m", "userId": "u", "replyTo": hook})
        given_up = 'sluice_replies_total{result="given_up"}'
        eventually("it is given up", lambda: self.metrics(pipeline).get(given_up) == "1", 20)
        self.assertEqual(len(self.replied("m")), 3)
        eventually("none waits", lambda: self.waiting(pipeline) == 0)
        self.assertIn("reply given up", pipeline.log("ingest"))

    def test_elsewhere_is_refused_by_name(self):
        pipeline = self.with_replies()
        for url in ("http://169.254.169.254/latest/meta-data", "https://elsewhere.example/",
                    self.hooks.url.replace("127.0.0.1", "localhost") + "/", "queue:answers"):
            answer = pipeline.post({"userId": "u", "replyTo": url})
            self.assertEqual(answer.status, 400, answer)
            self.assertEqual(answer.json()["field"], "/replyTo")


class Settings(EndToEnd):
    def test_a_reply_host_that_leads_to_metadata_is_refused(self):
        for host in ("http://169.254.169.254", "http://[fe80::1]", "https://h.example/path",
                     "https://H.example", "ftp://h.example", "h.example"):
            pipeline = self.pipeline(stages={"ingest": [f'reply_hosts = ["{host}"]']})
            run = subprocess.run([f"{BIN}/sluice-ingest", "--check", "--settings",
                                  pipeline.settings], capture_output=True, text=True, check=False,
                                 timeout=30, stdin=subprocess.DEVNULL)
            self.assertEqual(run.returncode, 78, host)
            self.assertIn("reply_hosts", run.stderr + run.stdout)
