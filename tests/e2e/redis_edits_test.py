"""PUT /v1/limits at one of two front doors, while two limiters on a Redis with a replica are busy: it
is one truth for both at once, and outlives a limiter's death and the promotion of the replica."""

import time

from harness import eventually, fuller
from redis_faults import WINDOW_S, OnReplicated, trail
from two_ingests import TwoIngests

LIMIT = '[[limit]]\nupstream = "onlyfans"\nname = "per-key"\nn = 10\nwindow = "60s"\nburst = 3\n'
TIGHT, LOOSE = ([{"name": "per-key", "n": n, "window": "60s", "burst": 2}] for n in (4, 10))
EACH = 50  # messages of a key, of which most wait when the edit comes
ALL = ("limiter", "limiter-2")


class Edited(OnReplicated):
    kind = TwoIngests
    counts = {"limiter": 2, "dispatcher": 2}

    def busy_keys(self):
        """One of each limiter, with messages in both stores."""
        owners = {}
        for n in range(40):
            key = f"user-{n}"
            for m in range(EACH):
                self.post(f"{key}-{m}", key, self.pipe.doors[m % 2])
            eventually("a limiter has it", lambda key=key: owners.update({
                name: key for name in ALL if self.pipe.explained(name, key)}) or owners)
            if len(owners) == len(ALL):
                return list(owners.values())
        raise AssertionError(f"all keys are one limiter's: {owners}")

    def post(self, name, key, door):
        answer = door.post({"messageId": name, "userId": key}, Prefer="respond-async")
        self.assertEqual(answer.status, 202, answer)
        self.sent[door].append(name)

    def quotas(self):
        """What both doors are told of the keys' limit."""
        asked = [door.post({"messageId": "asked", "userId": key}, Prefer="wait=0")
                 for door in self.pipe.doors for key in self.keys]
        self.assertEqual({answer.status for answer in asked}, {429})
        return {answer.headers["ratelimit-policy"].split(";")[1] for answer in asked}

    def more_go(self, after, seconds):
        """Some of each key, by what holds."""
        before = {key: len(self.recorder.of(key)) for key in self.keys}
        eventually(f"both keys go on after {after}", lambda: all(
            len(self.recorder.of(key)) >= went + 4 for key, went in before.items()), seconds)
        for door in self.pipe.doors:
            self.assertEqual(door.limits().headers["etag"], self.tag, after)

    def edit(self):
        """At the first door; the other door's is made from what no longer holds."""
        stale = self.pipe.second.limits().headers["etag"]
        answer = self.pipe.edit_limits(TIGHT, stale)
        self.answered = time.monotonic(), time.time() * 1e6
        self.assertEqual(answer.status, 200, answer)
        self.tag = answer.headers["etag"]
        eventually("both limiters have taken it", lambda: self.quotas() == {"q=4"}, 1.0)
        late = self.pipe.second.edit_limits(LOOSE, stale)
        self.assertEqual((late.status, late.headers["etag"]), (412, self.tag), late)

    def test_one_truth_for_all_that_outlives_deaths(self):
        self.recorder = self.recorder()
        self.servers_that_take_over()
        self.open(self.leads.url, LIMIT, url=self.recorder.url)
        self.sent = {door: [] for door in self.pipe.doors}
        self.keys = self.busy_keys()
        eventually("both keys have a window that is half full", lambda: all(
            len(self.recorder.of(key)) >= 6 for key in self.keys), 20)
        self.edit()
        self.more_go("the edit", 20)
        for name in ALL:
            self.pipe.kill_and_restart(name)
        self.more_go("the death of each limiter", 30)
        self.primary.kill()
        self.take_over()
        self.more_go("the promotion", 60)
        self.pipe.kill_and_restart(ALL[0])
        self.more_go("a death after it", 30)
        loose_from = time.monotonic()
        self.assertEqual(self.pipe.second.edit_limits(LOOSE, self.tag).status, 200)
        for door, names in self.sent.items():
            self.assertEqual(set(door.settle(names, 120).values()), {"delivered"})
        self.expect_the_limit_that_held(loose_from)

    def expect_the_limit_that_held(self, loose_from):
        lines = trail(self.pipe)
        edits = [line for line in lines if line["t"] == "limits" and line["reason"] != "these hold"]
        self.assertEqual([line["reason"].split(";")[0] for line in edits], ["by ann"] * 2)
        self.assertEqual(f'"{edits[0]["limits"]}"', self.tag)
        self.assertEqual(edits[1]["before"], edits[0]["limits"])
        under = {version: [line for line in lines if line["t"] == "attempt"
                           and line["limits"] == version]
                 for version in (edits[0]["before"], edits[0]["limits"])}
        old, tight = under.values()
        at, at_us = self.answered
        self.assertEqual([line for line in old if line["granted_at"] > at_us], [])
        self.assertGreaterEqual(len({line["limiter"] for line in tight}), len(ALL))
        left = max(line["completed_at"] for line in old)  # what was under way has arrived
        tight_from = at + max(0, left - at_us) / 1e6
        for key in self.keys:
            every = self.recorder.of(key)
            ends = [end for end in every if tight_from < end < loose_from]
            self.assertGreaterEqual(len(ends), 12)
            self.assertEqual(fuller(every, WINDOW_S, 4, ends), {})
            self.assertEqual(fuller(every, WINDOW_S, 10), {})
        print(f"{self.id()}: {len(self.recorder.arrivals)} arrivals, {len(tight)} attempts under "
              f"the tight limit, the last one of the old was granted "
              f"{(at_us - max(line['granted_at'] for line in old)) / 1e3:.0f} ms before the answer")
