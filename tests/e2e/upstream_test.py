"""Upstreams that behave badly: nothing is repeated by choice, nothing lost, nobody banned."""

import json
import time

from harness import EndToEnd, eventually


class HangsUp(EndToEnd):
    def test_one_arrival_per_attempt(self):
        """A server that reads a POST and hangs up: the HTTP library must not send it again."""
        def hang_up(door, body):
            if json.loads(body).get("good"):
                return None
            door.close_connection = True
            door.connection.shutdown(2)
            return True

        recorder = self.recorder(hang_up)
        more = '[[limit]]\nupstream = "onlyfans"\nn = 1000\nwindow = "60s"\nburst = 100\n'
        pipeline = self.pipeline(url=recorder.url, time_scale=0.01, more=more).start()
        bad = [f"bad-{number}" for number in range(8)]
        for name in bad:  # each after a good one, whose connection is there to be used again
            good = "before-" + name
            self.accept(pipeline, {"messageId": good, "userId": good, "good": True})
            pipeline.settle([good], 10)
            self.accept(pipeline, {"messageId": name, "userId": name})
        states = pipeline.settle(bad, 60)
        self.assertEqual(set(states.values()), {"dead"})
        self.assertGreater(self.on_used_connections(recorder, "before-bad"), 0)
        for name in bad:
            message = pipeline.message(name)
            seen = [headers for _, headers, body in recorder.arrivals
                    if json.loads(body)["messageId"] == name]
            self.assertEqual((len(seen), message["attempts"]), (5, 5), message)
            self.assertEqual(len({headers["idempotency-key"] for headers in seen}), 1)
        self.verify(pipeline)

    @staticmethod
    def on_used_connections(recorder, good):
        """How many of the others came on a connection that had carried one before: only there does
        the HTTP library send again by itself."""
        used, count = set(), 0
        for _, headers, body in recorder.arrivals:
            others = not json.loads(body)["messageId"].startswith(good)
            count += others and headers[":connection"] in used
            used.add(headers[":connection"])
        return count


class Behaviours(EndToEnd):
    """sluice-upstream does as the message's `behave` says."""

    def send(self, pipeline, name, behave, user="u"):
        self.accept(pipeline, {"messageId": name, "userId": user, "behave": behave})

    def test_each_ends_as_the_table_says(self):
        pipeline = self.pipeline(time_scale=0.02).start()
        wanted = {"ok": "delivered", "400": "dead", "404": "dead", "302": "dead",
                  "500*2": "delivered", "503*1": "delivered", "slow:200": "delivered",
                  "reset*1": "delivered", "lost*1": "delivered", "hangup*1": "delivered",
                  "429:1*1": "delivered", "429-date:1*1": "delivered"}
        names = {}
        for number, behave in enumerate(wanted):
            names[f"m-{number}"] = behave
            self.send(pipeline, f"m-{number}", behave, f"user-{number}")
        states = pipeline.settle(names, 60)
        self.assertEqual({names[n]: s for n, s in states.items()}, wanted)
        report = pipeline.report()
        self.assertEqual((report["bans"], report["altered"], report["bad"]), (0, 0, 0))
        self.verify(pipeline)

    def test_a_warning_closes_the_key(self):
        pipeline = self.pipeline().start()
        self.send(pipeline, "warned", "429:2*1")
        eventually("it arrived", lambda: pipeline.report()["arrivals"] == 1)
        began = time.monotonic()
        self.send(pipeline, "behind", "ok")
        self.send(pipeline, "elsewhere", "ok", "v")
        eventually("another key goes", lambda: pipeline.state("elsewhere") == "delivered", 1)
        pipeline.settle(["warned", "behind"], 20)
        self.assertGreater(time.monotonic() - began, 1.8)

    def test_an_upstream_that_is_away_costs_no_attempts(self):
        pipeline = self.pipeline().start()
        pipeline.kill("upstream")
        self.send(pipeline, "m", "ok")
        time.sleep(2)
        self.assertNotIn(pipeline.state("m"), ("dead", "delivered"))
        pipeline.start("upstream")
        self.assertEqual(pipeline.settle(["m"], 30)["m"], "delivered")
        self.assertEqual(pipeline.message("m")["attempts"], 1)
