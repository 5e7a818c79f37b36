"""A FIFO queue of SQS that boto3 fills is emptied into the upstream, in its order."""

import collections
import json
import time
import urllib.parse

import moto
from harness import eventually, request

NAME = "huntaze-hybrid-workflows"
QUEUE = NAME + ".fifo"
DEAD = NAME + "-dlq.fifo"


def document(name, user):
    return json.dumps({"messageId": name, "userId": user})


class FifoQueue(moto.OnMoto):
    # moto gives messages of one group to two polls that wait at once. So there is one at a time,
    # and whoever follows a killed one starts when the poll that it left behind has ended.
    receives, after_s = 1, 2.5

    def setUp(self):
        super().setUp()
        self.failing, self.refused = set(), set()
        self.tried = collections.Counter()
        self.upstream = self.recorder(self.act)
        self.aws.make_fifo(NAME)

    def made_with(self, *lines):
        made = self.pipeline(url=self.upstream.url, time_scale=0.02, stages={
            "ingest": ['hold_visibility = "3s"']})
        with open(made.settings, "a", encoding="utf-8") as file:
            file.write("\n".join([f'[aws]\nregion = "{moto.REGION}"\nendpoint = "{self.aws.url}"',
                                  f'[[queue]]\nname = "{QUEUE}"\npoll_wait = "1s"\n'
                                  f'receives = {self.receives}',
                                  *lines, ""]))
        return made

    def act(self, door, body):
        name = json.loads(body)["messageId"]
        self.tried[name] += 1
        if name in self.refused:
            door.reply(404)
        elif name in self.failing and self.tried[name] == 1:
            door.reply(500)
        else:
            return None
        return True

    def first_starts(self, user):
        """The ids of a key's messages as they came for the first time."""
        bodies = self.upstream.bodies()
        return list(dict.fromkeys(one["messageId"] for one in bodies if one["userId"] == user))

    def await_empty(self):
        eventually("the queue is empty", lambda: self.aws.depth(QUEUE) == (0, 0), 30)

    @staticmethod
    def ends(made):
        return collections.Counter(line["settlement"] for line in made.on_record("attempt")
                                   if line.get("settlement"))


class InOrder(FifoQueue):
    def test_each_key_goes_in_its_order_though_processes_die_and_attempts_fail(self):
        sent = [(f"g-{n % 3}", f"u-{n % 6}", f"m-{n:03}") for n in range(90)]
        self.failing = {name for _, _, name in sent[::7]}
        made = self.made_with()
        self.aws.send_in_order(QUEUE, [(group, document(name, user)) for group, user, name in sent])
        made.start()
        for stage, after in (("dispatcher", 0.2), ("ingest", self.after_s), ("limiter", 0.2)):
            time.sleep(0.5)
            made.kill_and_restart(stage, after)
        eventually("all are delivered", lambda: self.ends(made)["delivered"] >= len(sent), 120)
        self.await_empty()
        self.assertEqual(self.ends(made), {"delivered": len(sent)})
        for user in range(6):
            wanted = [name for _, of, name in sent if of == f"u-{user}"]
            self.assertEqual(self.first_starts(f"u-{user}"), wanted)
        for name in self.failing:
            self.assertGreaterEqual(self.tried[name], 2)
        self.assertEqual(self.aws.depth(DEAD), (0, 0))


class Dead(FifoQueue):
    def test_a_dead_message_stops_its_key_where_it_is_to(self):
        self.refused = {"b"}
        made = self.made_with('on_dead = "stop"', "key_from_group = true")
        self.aws.send_in_order(QUEUE, [("u-1", document("a", "u-1")), ("u-1", document("b", "u-1")),
                                       ("u-2", document("x", "u-2")), ("u-1", document("c", "u-1"))])
        made.start()
        eventually("b is dead", lambda: self.ends(made)["dead"] == 1, 30)
        eventually("it is said", lambda: "its key is stopped" in made.log("ingest"), 30)
        eventually("the alert", lambda: any(line["kind"] == "dead_stop"
                                            for line in made.on_record("alert")), 30)
        eventually("x is delivered", lambda: self.ends(made)["delivered"] == 2, 30)
        made.kill_and_restart("ingest")
        made.kill_and_restart("limiter")
        made.wait_ready("ingest", "limiter")
        time.sleep(1)
        self.assertEqual(self.first_starts("u-1"), ["a", "b"])
        key = "/v1/keys/" + urllib.parse.quote("onlyfans:u-1", safe="")
        holds = request(made.port, "GET", key).json()["holds"]
        self.assertEqual([hold["by"] for hold in holds], ["dead_message"])
        eventually("it is resumed",
                   lambda: request(made.port, "POST", key + "/resume", "{}").status == 200, 30)
        eventually("c is delivered", lambda: self.ends(made)["delivered"] == 3, 60)
        self.assertEqual(self.first_starts("u-1"), ["a", "b", "c"])

    def test_what_dies_before_it_is_a_row_stops_its_key(self):
        made = self.made_with('on_dead = "stop"', "key_from_group = true")
        made.start()
        self.aws.send_in_order(QUEUE, [("u-1", document("a", "u-1")), ("u-1", "{not JSON"),
                                       ("u-2", document("x", "u-2")), ("u-1", document("c", "u-1"))])
        eventually("it is said", lambda: "its key is stopped" in made.log("ingest"), 30)
        eventually("the alert", lambda: any(line["kind"] == "dead_stop"
                                            for line in made.on_record("alert")), 30)
        eventually("a dead letter", lambda: self.aws.depth(DEAD)[0] == 1, 30)
        self.await_empty()
        made.kill_and_restart("ingest")
        made.kill_and_restart("limiter")
        made.wait_ready("ingest", "limiter")
        eventually("x is delivered", lambda: self.first_starts("u-2") == ["x"], 30)
        time.sleep(1)
        self.assertNotIn("c", self.first_starts("u-1"))
        key = "/v1/keys/" + urllib.parse.quote("onlyfans:u-1", safe="")
        holds = request(made.port, "GET", key).json()["holds"]
        self.assertEqual([hold["by"] for hold in holds], ["dead_message"])
        eventually("it is resumed",
                   lambda: request(made.port, "POST", key + "/resume", "{}").status == 200, 30)
        eventually("all are delivered", lambda: self.ends(made)["delivered"] == 3, 60)
        self.assertEqual(self.first_starts("u-1"), ["a", "c"])

    def test_what_is_malformed_goes_to_the_dead_letters_and_holds_up_nobody(self):
        made = self.made_with()
        self.aws.send_in_order(QUEUE, [("g", document("a", "u-1")), ("g", "{not JSON"),
                                       ("g", document("b", "u-1"))])
        made.start()
        eventually("both are delivered", lambda: self.ends(made)["delivered"] == 2, 30)
        eventually("a dead letter", lambda: self.aws.depth(DEAD)[0] == 1, 30)
        self.await_empty()
        [[body, attributes]] = self.aws.take(DEAD)
        self.assertEqual(body, "{not JSON")
        self.assertEqual(json.loads(attributes["sluice"])["reason"], "malformed")
