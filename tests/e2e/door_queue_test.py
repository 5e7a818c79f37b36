"""door_queue: what is posted goes into a queue of SQS, and comes from there, each message once."""

import contextlib
import http.client
import json
import os
import subprocess
import threading
import time

import moto
import table
from harness import BIN, Refusing, eventually, request

QUEUE = "orders"


def document(name, user="u-1"):
    return {"messageId": name, "userId": user}


class OnDoor(Refusing, moto.OnMoto):
    parking = ()
    queue = QUEUE

    def setUp(self):
        super().setUp()
        self.upstream = self.recorder(self.act)
        self.made = self.pipeline(
            url=self.upstream.url, time_scale=0.02,
            stages={"ingest": [f'door_queue = "{self.queue}"', 'hold_visibility = "3s"', *self.parking]},
            more=f'[aws]\nregion = "{moto.REGION}"\n[[queue]]\nname = "{self.queue}"\n'
                 'poll_wait = "1s"\n')
        os.environ["AWS_ENDPOINT_URL_SQS"] = self.aws.url
        self.make_queue()

    def make_queue(self):
        self.aws.make_queue(self.queue)

    def delete_queue(self):
        self.aws.boto3(f'sqs = client("sqs")\nsqs.delete_queue(QueueUrl=sqs.get_queue_url('
                       f'QueueName="{QUEUE}")["QueueUrl"])')

    def post(self, name, user="u-1"):
        return self.made.post(document(name, user), Prefer="respond-async")

    def await_taken(self, name, user="u-1"):
        eventually(f"{name} is taken", lambda: self.post(name, user).status == 202, 60)

    def post_lines(self, names):
        body = "\n".join(json.dumps(document(name, f"u-{n % 3}")) for n, name in enumerate(names))
        with contextlib.suppress(OSError, http.client.HTTPException):
            request(self.made.port, "POST", "/v1/messages", body.encode(),
                    {"Content-Type": "application/x-ndjson", "Prefer": "respond-async"})


class Door(OnDoor):
    def test_a_killed_ingest_loses_and_repeats_nothing(self):
        self.made.start()
        names = [f"m-{n}" for n in range(30)]
        self.post_lines(names[:10])
        for _ in range(3):
            posts = threading.Thread(target=self.post_lines, args=(names,))
            posts.start()
            time.sleep(0.03)
            self.made.kill_and_restart("ingest")
            posts.join()
        for n, name in enumerate(names):
            self.await_taken(name, f"u-{n % 3}")
        self.await_ids(names, 60)
        eventually("the queue is empty", lambda: self.aws.depth(QUEUE) == (0, 0), 30)
        eventually("all are delivered",
                   lambda: all(self.made.state(name) == "delivered" for name in names), 30)
        self.assertEqual(sorted(self.ids()), sorted(names))
        self.assertEqual(self.aws.depth(QUEUE + "-dlq"), (0, 0))

    def test_what_the_queue_does_not_take_is_sent_by_a_repeat(self):
        self.made.start()
        eventually("it is read", lambda: "queue open" in self.made.log("ingest"), 30)
        self.delete_queue()
        for name in ("stays", "goes"):
            refused = self.post(name)
            self.assertEqual(refused.status, 503, refused.body)
            self.assertTrue(refused.headers["retry-after"])
            self.assertEqual(self.made.state(name), "accepted")
        self.assertEqual(self.made.post(document("goes", "u-2")).status, 422)
        cancelled = self.made.delete("goes")
        self.assertEqual((cancelled.status, cancelled.json()["cancelled"]), (202, True))
        self.assertIn("the queue did not take a message of the front door",
                      self.made.log("ingest"))
        self.aws.make_queue(QUEUE)
        for name in ("stays", "goes"):
            self.await_taken(name)
        self.await_ids(["stays"])
        eventually("the other one is cancelled", lambda: self.made.state("goes") == "cancelled", 30)
        self.assertEqual(self.ids(), ["stays"])

    def test_who_stops_has_finished_what_is_under_way(self):
        self.made.start()
        answers = []
        posts = [threading.Thread(target=lambda n=n: answers.append(self.post(f"m-{n}").status))
                 for n in range(12)]
        for one in posts:
            one.start()
        codes = self.made.stop()
        for one in posts:
            with contextlib.suppress(OSError):
                one.join()
        self.assertEqual(codes["ingest"], 0)
        self.assertLessEqual(set(answers), {202, 503})
        self.made.start()
        for n in range(12):
            self.await_taken(f"m-{n}")
        self.await_ids([f"m-{n}" for n in range(12)])
        self.assertEqual(len(self.ids()), 12)


class DoorOnTable(Door):
    """The same, with names and rows in a table."""
    parking = ('parking = "dynamodb"', 'announce_every = "2s"')

    def setUp(self):
        self.table = table.Tiny()
        self.addCleanup(self.table.close)
        super().setUp()
        os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = self.table.url
        self.table.make_table()


class DoorInOrder(OnDoor):
    queue = QUEUE + ".fifo"

    def make_queue(self):
        self.aws.make_fifo(QUEUE)

    def test_of_a_key_what_was_posted_goes_in_order(self):
        self.made.start()
        names = [f"m-{n}" for n in range(12)]
        for name in names:
            self.await_taken(name)
            self.await_taken(name)
        self.await_ids(names)
        self.assertEqual(self.ids(), names)


class DoorSettings(OnDoor):
    def test_names_a_queue_that_is_there(self):
        self.assert_refused('door_queue: no [[queue]] has the name "other"', "--door-queue", "other")

    def test_a_queue_has_a_name_that_sqs_could_give(self):
        with open(self.made.settings, "a", encoding="utf-8") as file:
            file.write(f'[[queue]]\nname = "{"q" * 81}"\n')
        self.assert_refused("a queue's name has 1 to 80 characters")

    def assert_refused(self, why, *words):
        done = subprocess.run(
            [f"{BIN}/sluice-ingest", "--check", "--settings", self.made.settings, *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
            cwd=self.made.folder)
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn(why, done.stderr)
