"""parking = "dynamodb": a pipeline whose messages wait in a table."""

import json
import os
import shutil
import subprocess
import time
from unittest import mock

import moto
import table
from harness import BIN, EndToEnd, Refusing, eventually, fuller, request
from two_ingests import SECOND, TwoIngests

SCALE = 0.02


def document(name, user):
    return {"messageId": name, "userId": user}


class OnTable(Refusing, EndToEnd):
    minutes = 4
    patience_s = 90

    def setUp(self):
        environment = mock.patch.dict(os.environ, moto.CREDENTIALS)
        environment.start()
        self.addCleanup(environment.stop)
        self.table = table.Tiny()
        self.addCleanup(self.table.close)
        os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = self.table.url
        self.upstream = self.recorder(self.act)
        self.made = self.pipeline(
            url=self.upstream.url, time_scale=SCALE, more=f'[aws]\nregion = "{moto.REGION}"\n',
            stages={"ingest": ['parking = "dynamodb"', 'hold_visibility = "3s"',
                               'announce_every = "2s"']})

    def await_nothing_left(self, store="ingest-1"):
        eventually("no key is left", lambda: not self.table.items("keys", store), 30)
        self.assertEqual(self.table.items("ends", store), [])

    def take(self, name, user, door=None):
        """Posted until it is taken: ingest may be away."""
        def taken():
            try:
                return (door or self.made).post(document(name, user),
                                                Prefer="respond-async").status == 202
            except OSError:
                return False
        eventually(f"{name} is taken", taken, 30)

    def check_once(self, names, users):
        self.assertEqual(sorted(self.ids()), sorted(names))
        for user in users:
            self.assertEqual(fuller(self.upstream.of(user), 60 * SCALE, 10), {})

    def ingest(self, *words, **environment):
        return subprocess.run(
            [f"{BIN}/sluice-ingest", *words, "--settings", self.made.settings],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
            cwd=self.made.folder, env={**os.environ, **environment})


class Table(OnTable):
    def setUp(self):
        super().setUp()
        self.table.make_table()

    def test_a_killed_ingest_loses_and_repeats_nothing(self):
        self.made.start()
        names = [f"m-{n}" for n in range(90)]
        for n, name in enumerate(names):
            if n % 30 == 15:
                self.made.kill("ingest")
                self.made.start("ingest", ready=False)
            self.take(name, f"u-{n % 3}")
        self.made.kill_and_restart("ingest")
        self.await_ids(names)
        self.await_nothing_left()
        self.check_once(names, [f"u-{n}" for n in range(3)])
        self.assertEqual(self.made.state("m-0"), "delivered")
        self.assertEqual(self.made.post(document("m-0", "u-0")).json()["state"], "delivered")

    def test_a_table_that_throttles_delays_and_loses_nothing(self):
        self.made.start()
        names = [f"m-{n}" for n in range(40)]
        for n, name in enumerate(names):
            if n in (10, 25):
                self.table.trouble(throttle=40)
            if n in (15, 30):
                self.table.trouble(conflict=10)
            self.take(name, f"u-{n % 4}")
        self.await_ids(names)
        self.await_nothing_left()
        self.check_once(names, [f"u-{n}" for n in range(4)])

    def test_dead_letters_are_listed_replayed_and_purged(self):
        self.refused = {"no-1", "no-2"}
        self.made.start()
        for name in ("no-1", "no-2", "yes"):
            self.take(name, "u-1")
        eventually("both are dead", lambda: len(self.table.items("dead")) == 2, 30)
        listed = self.ingest("dead", "list")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn("refused", listed.stdout)
        self.assertIn("no-2", listed.stdout)
        shown = json.loads(self.ingest("dead", "show", "no-1").stdout)
        self.assertEqual((shown["id"], shown["reason"]), ("no-1", "refused"))
        self.refused = set()
        replayed = self.ingest("dead", "replay", "no-1")
        self.assertEqual(replayed.stdout, "replayed no-1\n", replayed.stderr)
        self.assertEqual(self.ingest("dead", "purge", "no-2").stdout, "purged no-2\n")
        eventually("it goes again", lambda: self.ids().count("no-1") == 2, 30)
        eventually("it is delivered", lambda: self.made.state("no-1") == "delivered", 30)
        self.assertEqual(self.table.items("dead"), [])
        self.assertEqual(self.ingest("dead", "replay", "no-2").returncode, 64)

    def test_pauses_and_cancellations_are_in_the_table(self):
        self.made.start()
        paused = self.made.post({"by": "ann"}, "/v1/keys/onlyfans%3Au-1/pause")
        self.assertEqual(paused.status, 200, paused)
        for name in ("m-1", "m-2"):
            self.take(name, "u-1")
        self.assertEqual(self.made.delete("m-1").status, 202)
        self.made.kill_and_restart("ingest")
        eventually("it is cancelled", lambda: self.made.state("m-1") == "cancelled", 30)
        self.assertEqual(self.made.state("m-2"), "waiting")
        self.assertEqual(self.made.post({}, "/v1/keys/onlyfans%3Au-1/resume").status, 200)
        self.await_ids(["m-2"])
        self.assertEqual(self.ids(), ["m-2"])


class TwoStores(OnTable):
    """Two ingests share the table, and keys; each has rows of its own."""

    kind = TwoIngests

    def test_one_is_killed_and_comes_back_on_an_empty_disk(self):
        self.table.make_table()
        self.made.start()
        names = [f"m-{n}" for n in range(60)]
        for n, name in enumerate(names):
            self.take(name, f"u-{n % 3}", self.made.doors[n % 2])
        self.made.kill(SECOND)
        shutil.rmtree(os.path.join(self.made.data, SECOND))
        late = [f"late-{n}" for n in range(15)]
        for n, name in enumerate(late):
            self.take(name, f"u-{n % 3}")
        eventually("it has its store again", self.comes_back, 90)
        self.await_ids(names + late)
        for store in ("ingest-1", "ingest-2"):
            self.await_nothing_left(store)
        self.check_once(names + late, [f"u-{n}" for n in range(3)])
        self.assertEqual(self.made.second.state("m-59"), "delivered")

    def comes_back(self):
        """Ends with 75 for as long as the table says that the one before it lives."""
        process = self.made.processes[SECOND]
        if process.poll() is None:
            return request(self.made.health(SECOND), "GET", "/readyz").status == 200
        self.assertIn(process.returncode, (-9, 75), self.made.log(SECOND)[-2000:])
        self.made.start(SECOND, ready=False)
        return False


class Refusals(OnTable):
    def test_a_table_that_is_not_there_is_named(self):
        ended = self.ingest()
        self.assertEqual(ended.returncode, 75, ended.stderr)
        self.assertIn(f'"{table.NAME}" is not there', ended.stderr)

    def test_a_store_has_one_process(self):
        self.table.make_table()
        self.made.start("ingest", ready=False)
        eventually("it has the store", lambda: self.table.items("life"), 30)
        second = self.ingest(SLUICE_DATA_DIR=os.path.join(self.made.folder, "second"),
                             SLUICE_INGEST_LISTEN="127.0.0.1:0",
                             SLUICE_INGEST_HEALTH_LISTEN="127.0.0.1:0")
        self.assertEqual(second.returncode, 75, second.stderr)
        self.assertIn('the store "ingest-1"', second.stderr)
        self.made.stop()
        self.assertEqual(self.table.items("life"), [], "it was given back")

    def test_what_a_table_does_not_keep_is_refused(self):
        self.table.make_table()
        replies = self.ingest(SLUICE_INGEST_REPLY_HOSTS="https://example.com")
        self.assertEqual(replies.returncode, 78, replies.stderr)
        self.assertIn("reply_hosts", replies.stderr)
        imported = self.ingest("import", "/dev/null")
        self.assertEqual(imported.returncode, 78, imported.stderr)
        self.made.start("ingest", ready=False)
        eventually("it serves", lambda: self.made.unready("ingest") is not None, 30)
        listed = request(self.made.port, "GET", "/v1/messages")
        self.assertEqual(listed.status, 501, listed)


class Queues(OnTable):
    """With a queue of SQS before it."""

    def setUp(self):
        if moto.absent():
            self.skipTest(moto.absent())
        super().setUp()
        self.table.make_table()
        self.aws = moto.Moto()
        self.addCleanup(self.aws.close)
        os.environ["AWS_ENDPOINT_URL_SQS"] = self.aws.url
        self.aws.make_queue("queue")
        with open(self.made.settings, "a", encoding="utf-8") as file:
            file.write('[[queue]]\nname = "queue"\npoll_wait = "1s"\n')

    def test_a_killed_ingest_loses_and_repeats_nothing(self):
        self.made.start()
        names = [f"m-{n}" for n in range(100)]
        self.aws.send("queue", [json.dumps(document(name, f"u-{n % 5}"))
                                for n, name in enumerate(names)])
        for _ in range(3):
            time.sleep(0.5)
            self.made.kill_and_restart("ingest")
        self.await_ids(names)
        eventually("the queue is empty", lambda: self.aws.depth("queue") == (0, 0), 30)
        self.await_nothing_left()
        self.check_once(names, [f"u-{n}" for n in range(5)])

    def test_a_dead_message_of_a_fifo_queue_that_stops_its_key_is_said(self):
        self.aws.make_fifo("ordered")
        with open(self.made.settings, "a", encoding="utf-8") as file:
            file.write('[[queue]]\nname = "ordered.fifo"\npoll_wait = "1s"\nreceives = 1\n'
                       'on_dead = "stop"\n')
        self.refused = {"a"}
        self.aws.send_in_order("ordered.fifo", [("u-1", json.dumps(document(name, "u-1")))
                                                for name in ("a", "b")])
        self.made.start()
        eventually("it is said", lambda: "its key is stopped" in self.made.log("ingest"), 30)
        self.assertEqual(self.ids(), ["a"])
