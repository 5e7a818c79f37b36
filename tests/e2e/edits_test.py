"""Limits are edited while everything runs: tighter holds at once, looser forgets nothing, the edit is
a line of the trail, and a file that does not check changes nothing."""

import os
import shutil
import signal
import time

from harness import EndToEnd, eventually, fuller, request

WINDOW_S = 6  # 60 s at the tenth of the time
LIMIT = '[[limit]]\nupstream = "onlyfans"\nname = "per-key"\nn = 10\nwindow = "60s"\nburst = 4\n'
COST = '[source]\ncost = "/units"\n'


class Edits(EndToEnd):
    def setUp(self):
        self.recorder = self.recorder()
        self.pipe = self.pipeline(url=self.recorder.url, more=LIMIT + COST).start()
        self.messages = 0

    def edit(self, before, after):
        with open(self.pipe.settings, encoding="utf-8") as file:
            text = file.read()
        self.assertEqual(text.count(before), 1, text)
        with open(self.pipe.settings, "w", encoding="utf-8") as file:
            file.write(text.replace(before, after))
        for name in ("ingest", "limiter", "auditor"):
            self.pipe.processes[name].send_signal(signal.SIGHUP)

    def quota(self):
        """What a producer is told of the limit that it is under."""
        self.messages += 1
        name = f"asked-{self.messages}"
        answer = self.accept(self.pipe, {"messageId": name, "userId": name})
        return answer.headers.get("ratelimit-policy", "").split(";")[:2]

    def edited_to(self, n):
        eventually(f"the limit is {n}", lambda: self.quota() == ['"per-key"', f"q={n}"])

    def send(self, count):
        names = [f"loud-{number}" for number in range(count)]
        for name in names:
            self.accept(self.pipe, {"messageId": name, "userId": "loud"}, Prefer="respond-async")
        return names

    def loud(self):
        """When the key's messages arrived."""
        return self.recorder.of("loud")

    def put(self, limits, match="*"):
        answer = self.pipe.edit_limits(limits, match)
        self.assertEqual(answer.status, 200, answer)
        return answer.headers["etag"]

    def test_what_a_person_says_holds_from_the_answer_on_and_outlives_a_restart(self):
        names = self.send(20)
        eventually("half a window is full", lambda: len(self.loud()) >= 6)
        few = [{"name": "per-key", "n": 4, "window": "60s", "burst": 2}]
        tag = self.put(few)
        tight_from = time.monotonic()
        tight = lambda: [at for at in self.loud() if at > tight_from]
        eventually("more goes", lambda: len(tight()) >= 3, 4 * WINDOW_S)
        self.pipe.kill_and_restart("limiter")
        eventually("more goes after a crash", lambda: len(tight()) >= 6, 8 * WINDOW_S)
        held = self.pipe.limits()
        self.assertEqual((held.status, held.headers["etag"]), (200, tag))
        self.assertEqual(held.json()["limits"][0]["window"], "1min")
        self.assertEqual(fuller(self.loud(), WINDOW_S, 4, tight()), {})
        self.put([{"name": "per-key", "n": 10, "window": "60s", "burst": 4}], tag)
        self.pipe.settle(names, 10 * WINDOW_S)
        every = self.loud()
        self.assertEqual(len(every), len(names))
        self.assertEqual(fuller(every, WINDOW_S, 10), {})
        lines = self.pipe.on_record("limits")
        self.assertEqual([line["reason"].split(";")[0] for line in lines], ["by ann"] * 2)
        self.assertEqual(lines[0]["limit.1"].split()[:4], ["key", "rate", "4", "6000000"])
        self.assertEqual(lines[1]["before"], lines[0]["limits"])
        figures = request(self.pipe.health("auditor"), "GET", "/metrics").body
        self.assertIn("sluice_unwatched_attempts_total 0", str(figures))

    def test_an_auditor_that_begins_anew_is_told_which_limits_hold(self):
        self.put([{"name": "per-key", "n": 4, "window": "60s", "burst": 2}])
        eventually("the edit is on record", lambda: self.pipe.on_record("limits"))
        self.pipe.kill("auditor")
        shutil.move(os.path.join(self.pipe.data, "auditor"), os.path.join(self.pipe.folder, "old"))
        self.pipe.start("auditor")
        told = lambda: [line for line in self.pipe.on_record("limits")
                        if line["reason"] == "these hold"]
        line = eventually("it is told", told)[0]
        self.assertEqual(line["limit.1"].split()[:4], ["key", "rate", "4", "6000000"])
        self.pipe.settle(self.send(3), 4 * WINDOW_S)
        eventually("attempts are on record", lambda: len(self.pipe.on_record("attempt")) == 3)
        self.assertEqual({at["limits"] for at in self.pipe.on_record("attempt")}, {line["limits"]})
        figures = request(self.pipe.health("auditor"), "GET", "/metrics").body
        self.assertIn("sluice_unwatched_attempts_total 0", str(figures))

    def test_a_window_is_never_over_whatever_is_edited_in_the_middle_of_it(self):
        names = self.send(28)
        eventually("half a window is full", lambda: len(self.loud()) >= 6)
        self.edit("n = 10", "n = 4")
        self.edited_to(4)
        tight_from, sent = time.monotonic(), len(self.loud())
        eventually("more goes", lambda: len(self.loud()) >= sent + 5, 4 * WINDOW_S)
        tight = [at for at in self.loud() if at > tight_from]
        self.assertEqual(fuller(self.loud(), WINDOW_S, 4, tight), {})
        self.edit("n = 4", "n = 10")
        self.edited_to(10)
        self.pipe.settle(names, 10 * WINDOW_S)
        every = self.loud()
        self.assertEqual(len(every), len(names))
        self.assertEqual(fuller(every, WINDOW_S, 10), {})

    def test_an_edit_is_on_record_and_outlives_a_restart(self):
        self.edited_to(10)
        self.edit("n = 10", "n = 7")
        self.edited_to(7)
        line = eventually("the edit is in the trail",
                          lambda: self.pipe.on_record("limits"))[-1]
        self.assertIn("per-key: 7 per 6000ms", line["reason"])
        self.assertIn("SIGHUP", line["reason"])
        attempts = eventually("an attempt under it", lambda: self.attempts_under(line))
        self.assertTrue(attempts)
        for name in self.pipe.names():
            self.pipe.kill(name)
        self.pipe.start()
        self.edited_to(7)
        names = self.send(7)
        self.pipe.settle(names, 20)
        self.assertEqual(len(self.pipe.on_record("limits")), 1)
        self.assertNotIn("stale", self.pipe.log("limiter"))

    def attempts_under(self, edit):
        self.quota()
        return [line for line in self.pipe.on_record("attempt")
                if line.get("limits") == edit["limits"]]

    def test_what_does_not_check_changes_nothing(self):
        self.edited_to(10)
        self.edit("n = 10", "n = 0")
        eventually("it is refused", lambda: "old ones stay" in self.pipe.log("limiter"))
        with open(self.pipe.settings, encoding="utf-8") as file:
            at = 1 + file.read().splitlines().index("n = 0")
        self.assertRegex(self.pipe.log("limiter"), rf"sluice\.toml:{at}\b")
        self.edited_to(10)
        self.assertEqual(self.pipe.on_record("limits"), [])
        self.edit("n = 0", "n = 5")
        self.edited_to(5)

    def test_the_front_door_refuses_what_could_never_go(self):
        heavy = {"messageId": "heavy", "userId": "heavy", "units": 12}
        refused = self.pipe.post(heavy)
        self.assertEqual(refused.status, 400, refused)
        self.assertIn("per-key", refused.json()["detail"])
        self.edit("n = 10", "n = 12")
        eventually("it may go now", lambda: self.pipe.post(heavy).status == 202)
        self.pipe.settle(["heavy"], 2 * WINDOW_S)
