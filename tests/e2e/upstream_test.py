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
        for number in range(3):  # so that connections are there to be used again
            self.accept(pipeline, {"messageId": f"good-{number}", "userId": "u", "good": True})
        pipeline.settle([f"good-{n}" for n in range(3)], 10)
        self.accept(pipeline, {"messageId": "bad", "userId": "u"})
        states = pipeline.settle(["bad"], 60)
        self.assertEqual(states["bad"], "dead")
        message = pipeline.message("bad")
        arrivals = len(recorder.at("bad"))
        self.assertEqual(arrivals, message["attempts"], message)
        self.assertEqual(arrivals, 5)
        names = {h["idempotency-key"] for _, h, b in recorder.arrivals if b"bad" in b}
        self.assertEqual(len(names), 1)
        self.verify(pipeline)


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
