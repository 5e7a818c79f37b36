"""A queue of SQS that boto3 fills is emptied into the upstream."""

import json
import os
import signal
import subprocess
import tempfile
import time
from unittest import mock

import moto
from harness import BIN, Refusing, die_with_parent, eventually, fuller

QUEUE = "huntaze-rate-limiter-queue"


def document(name, user, **more):
    return json.dumps({"messageId": name, "userId": user, **more})


class OnQueue(Refusing, moto.OnMoto):
    def setUp(self):
        super().setUp()
        self.upstream = self.recorder(self.act)
        self.made = self.pipeline(url=self.upstream.url, time_scale=0.02, stages={
            "ingest": ['hold_visibility = "3s"']})
        with open(self.made.settings, "a", encoding="utf-8") as file:
            file.write(f'[aws]\nregion = "{moto.REGION}"\nendpoint = "{self.aws.url}"\n'
                       f'[[queue]]\nname = "{QUEUE}"\npoll_wait = "1s"\n')
        self.aws.make_queue(QUEUE)

    def await_empty(self):
        eventually("the queue is empty", lambda: self.aws.depth(QUEUE) == (0, 0), 30)


class Queue(OnQueue):
    def test_each_message_goes_once_and_within_its_limit(self):
        self.made.start()
        names = [f"m-{n}" for n in range(120)]
        self.aws.send(QUEUE, [document(name, f"u-{n % 6}") for n, name in enumerate(names)])
        self.await_ids(names)
        self.await_empty()
        self.assertEqual(sorted(self.ids()), sorted(names))
        for user in range(6):
            self.assertEqual(fuller(self.upstream.of(f"u-{user}"), 60 * 0.02, 10), {})
        self.assertEqual(self.aws.depth(QUEUE + "-dlq"), (0, 0))

    def test_what_is_dead_goes_to_the_dead_letter_queue(self):
        self.refused = {"no"}
        self.made.start()
        self.aws.send(QUEUE, [document("no", "u-1"), document("yes", "u-1"), "{not JSON"])
        self.await_ids(["no", "yes"])
        eventually("two dead letters", lambda: self.aws.depth(QUEUE + "-dlq")[0] == 2, 30)
        self.await_empty()
        dead = {body: json.loads(attributes["sluice"])
                for body, attributes in self.aws.take(QUEUE + "-dlq")}
        malformed, refused = dead["{not JSON"], dead[document("no", "u-1")]
        self.assertEqual(malformed["reason"], "malformed")
        self.assertIn("not JSON", malformed["detail"])
        self.assertEqual((refused["reason"], refused["last_status"], refused["attempts"]),
                         ("refused", 404, 1))
        self.assertEqual((refused["key"], refused["source"]), ("onlyfans:u-1", QUEUE))

    def test_a_killed_ingest_loses_and_repeats_nothing(self):
        self.made.start()
        names = [f"m-{n}" for n in range(100)]
        self.aws.send(QUEUE, [document(name, f"u-{n % 5}") for n, name in enumerate(names)])
        for _ in range(3):
            time.sleep(0.5)
            self.made.kill_and_restart("ingest")
        self.await_ids(names, 90)
        self.await_empty()
        self.assertEqual(sorted(self.ids()), sorted(names))

    def test_who_stops_in_order_leaves_nothing_hidden(self):
        self.made.start()
        self.aws.send(QUEUE, [document(f"m-{n}", "u-1") for n in range(30)])
        eventually("the first arrive", lambda: len(self.ids()) >= 3, 30)
        self.made.stop()
        waiting, hidden = self.aws.depth(QUEUE)
        self.assertEqual(hidden, 0)
        self.assertLess(waiting, 30)
        self.made.start()
        self.await_ids([f"m-{n}" for n in range(30)])
        self.assertEqual(len(self.ids()), 30)

    def test_a_queue_that_is_away_is_said_and_awaited(self):
        self.aws.boto3(f'sqs = client("sqs")\nsqs.delete_queue(QueueUrl=sqs.get_queue_url('
                       f'QueueName="{QUEUE}")["QueueUrl"])')
        self.made.start()
        eventually("it is said", lambda: "the queue is away" in self.made.log("ingest"), 30)
        self.aws.make_queue(QUEUE)
        self.aws.send(QUEUE, [document("m-1", "u-1")])
        self.await_ids(["m-1"])


class Encrypted(OnQueue):
    """AWS behind TLS, by an authority that only AWS_CA_BUNDLE names."""

    def emulator(self):
        folder = tempfile.TemporaryDirectory(prefix="sluice-")
        self.addCleanup(folder.cleanup)
        return moto.Moto(moto.certificate(folder.name))

    def test_whom_it_trusts(self):
        self.aws.send(QUEUE, [document("m-1", "u-1")])
        self.made.start()
        eventually("it is said", lambda: "certificate" in self.made.log("ingest"), 30)
        self.assertEqual(self.ids(), [])
        self.made.kill("ingest")
        with mock.patch.dict(os.environ, self.aws.trust):
            self.made.start("ingest")
            self.await_ids(["m-1"])
            self.await_empty()


class DeadLetters(OnQueue):
    """`sluice-ingest dead ... --queue`: list, show, replay, purge on the dead-letter queue."""

    def started(self, *words):
        return subprocess.Popen(
            [f"{BIN}/sluice-ingest", "dead", *words, "--queue", QUEUE, "--settings",
             self.made.settings], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, cwd=self.made.folder, preexec_fn=die_with_parent)

    def dead(self, *words):
        """(exit code, what it said)"""
        with self.started(*words) as run:
            said = run.communicate(timeout=60)[0]
        return run.returncode, said

    def listed(self, *words):
        code, said = self.dead("list", *words)
        self.assertEqual(code, 0, said)
        return said.splitlines()[1:]

    def test_listed_replayed_and_purged(self):
        names = [f"no-{n}" for n in range(12)]
        self.refused = set(names)
        self.made.start()
        self.aws.send(QUEUE, [document(name, f"u-{n % 2}") for n, name in enumerate(names)]
                      + ["{not JSON"])
        eventually("thirteen dead letters", lambda: self.aws.depth(QUEUE + "-dlq")[0] == 13, 60)
        self.assertEqual(len(self.listed()), 13)
        self.assertEqual(len(self.listed("--reason", "refused", "--key", "onlyfans:u-1")), 6)
        self.assertEqual(self.listed("--older-than", "1h"), [])
        code, said = self.dead("show", "no-3")
        self.assertEqual(code, 0, said)
        shown = json.loads(said)
        self.assertEqual((shown["id"], shown["last_status"], shown["generation"]), ("no-3", 404, 0))
        self.assertEqual(json.loads(shown["body"])["messageId"], "no-3")
        self.assertEqual(self.aws.depth(QUEUE + "-dlq"), (13, 0))  # whoever looked gave it back
        self.refused = {"no-11"}
        code, said = self.dead("replay", "--all", "--reason", "refused", "--rate", "100")
        self.assertEqual((code, said.count("replayed no-")), (0, 12), said)
        eventually("those that are taken arrive again", lambda: all(
            self.ids().count(name) == 2 for name in names), 30)
        eventually("one is dead again", lambda: self.aws.depth(QUEUE + "-dlq")[0] == 2, 30)
        self.await_empty()
        self.assertEqual(json.loads(self.dead("show", "no-11")[1])["generation"], 1)
        self.assertEqual(self.dead("purge", "no-11")[0], 0)
        self.assertEqual(self.dead("purge", "--all")[0], 0)
        self.assertEqual(self.aws.depth(QUEUE + "-dlq"), (0, 0))

    def test_who_stops_it_leaves_the_rest_where_it_was(self):
        self.aws.send(QUEUE + "-dlq", [document(f"m-{n}", "u-1") for n in range(25)])
        for signal_ in (signal.SIGINT, signal.SIGTERM):
            with self.started("replay", "--all", "--rate", "1") as run:
                first = run.stdout.readline()
                run.send_signal(signal_)
                said = first + run.stdout.read()
            self.assertEqual((run.returncode, said.count("replayed m-")), (75, 10), said)
            self.assertIn("stopped by a signal", said)
        self.assertEqual(self.aws.depth(QUEUE + "-dlq"), (5, 0))
        self.assertEqual(self.aws.depth(QUEUE), (20, 0))

    def test_large_ones_go_and_no_more_are_looked_at_than_is_said(self):
        self.aws.boto3(f"""
sqs = client("sqs")
url = sqs.get_queue_url(QueueName="{QUEUE}-dlq")["QueueUrl"]
for n in range(12):
    body = json.dumps({{"messageId": f"m-{{n}}", "userId": "u-1", "text": "x" * 150_000}})
    sqs.send_message(QueueUrl=url, MessageBody=body)""")
        code, said = self.dead("replay", "--all", "--max", "11")
        self.assertEqual((code, said.count("replayed m")), (0, 11), said)
        self.assertIn("only 11 letters were looked at (--max)", said)
        self.assertEqual(self.aws.depth(QUEUE + "-dlq"), (1, 0))

    def test_what_is_wrong_is_said(self):
        self.assertEqual(self.dead("purge")[0], 64)
        code, said = self.dead("show", "nobody")
        self.assertEqual(code, 64, said)
        self.assertIn('has the id "nobody"', said)
        self.assertEqual(self.dead("purge", "--all")[0], 0)
        code, said = self.dead("list", "--max", "none")
        self.assertEqual(code, 64, said)
        self.assertIn("--max none: a whole number from 1", said)
