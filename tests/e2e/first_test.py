"""The README's first minutes: a message goes at once; eleven to one key go when they were told."""

import datetime
import json
import time
from concurrent.futures import ThreadPoolExecutor

from harness import EndToEnd, eventually, request


class First(EndToEnd):
    def test_a_message_is_delivered_within_a_second(self):
        pipeline = self.pipeline(time_scale=1.0).start()
        began = time.monotonic()
        answer = self.accept(pipeline, {"messageId": "hello-1", "userId": "user-42",
                                        "content": "Hi!"})
        self.assertEqual(answer.json()["id"], "hello-1")
        eventually("hello-1 is delivered", lambda: pipeline.state("hello-1") == "delivered", 5)
        self.assertLess(time.monotonic() - began, 1.0)
        self.assertEqual(pipeline.report()["delivered"], 1)
        self.assertIn("whole", self.verify(pipeline))

    def test_no_burst_waits_for_a_timer(self):
        """Three at once to each of a hundred keys: whatever the order in which commits, reads and
        announcements meet, none waits for somebody's next second."""
        recorder = self.recorder()
        pipeline = self.pipeline(url=recorder.url).start()
        accepted = {}
        for number in range(300):
            name = f"m-{number}"
            self.accept(pipeline, {"messageId": name, "userId": f"user-{number // 3}"})
            accepted[name] = time.monotonic()
        pipeline.settle(accepted, 20)
        slow = {name: recorder.at(name)[0] - at for name, at in accepted.items()
                if recorder.at(name)[0] - at > 0.7}
        self.assertEqual(slow, {})

    def test_everything_stops_with_zero_and_drained(self):
        pipeline = self.pipeline().start()
        for number in range(5):
            self.accept(pipeline, {"messageId": f"m-{number}", "userId": "u"})
        self.assertEqual(set(pipeline.stop().values()), {0})

    def test_a_restart_of_everything_forgets_nothing(self):
        pipeline = self.pipeline().start()
        pipeline.kill("dispatcher")  # so that everything waits
        names = [f"m-{number}" for number in range(20)]
        for name in names:
            self.accept(pipeline, {"messageId": name, "userId": "u"}, Prefer="respond-async")
        for name in ("ingest", "limiter", "auditor", "alerter"):
            pipeline.kill(name)
        pipeline.start("auditor", "limiter", "dispatcher", "alerter", "ingest")
        states = pipeline.settle(names, 60)
        self.assertEqual(set(states.values()), {"delivered"})
        report = pipeline.report()
        self.assertEqual((report["arrivals"], report["bans"]), (20, 0))

    def test_the_same_id_again_is_the_same_message(self):
        pipeline = self.pipeline().start()
        document = {"messageId": "twice", "userId": "u", "content": "a"}
        self.accept(pipeline, document)
        eventually("delivered", lambda: pipeline.state("twice") == "delivered")
        self.accept(pipeline, document)
        self.assertEqual(pipeline.post({**document, "content": "b"}).status, 422)
        self.assertEqual(pipeline.post({**document, "userId": "v"}).status, 422)
        time.sleep(0.5)
        self.assertEqual(pipeline.report()["arrivals"], 1)

    def test_cancelled_before_it_goes(self):
        pipeline = self.pipeline().start()
        for number in range(5):
            self.accept(pipeline, {"messageId": f"m-{number}", "userId": "u"})
        answer = pipeline.delete("m-4")
        self.assertIn(answer.status, (200, 202), answer)
        states = pipeline.settle([f"m-{n}" for n in range(5)], 20)
        self.assertEqual(states["m-4"], "cancelled")
        self.assertEqual(pipeline.report()["arrivals"], 4)


class Eleven(EndToEnd):
    """10 per 60 s after a burst of three, one every 6 s; the window's guard is 1 s."""

    WANTED = [0, 0, 0, 6, 12, 18, 24, 30, 36, 42, 61]

    def start(self, scale):
        self.scale = scale
        self.recorder = self.recorder()
        self.pipe = self.pipeline(url=self.recorder.url, time_scale=scale).start()
        self.began = time.monotonic()

    def told(self, accepted):
        """When it goes by the answer's word, in seconds after the beginning."""
        clocks = time.time() - time.monotonic()
        at = datetime.datetime.fromisoformat(accepted["expected_at"])
        return at.timestamp() - clocks - self.began

    def assert_kept(self, accepted, tolerance_s):
        told = {entry["id"]: self.told(entry) for entry in accepted}
        self.assertEqual(len(told), 11)
        wanted = [self.scale * seconds for seconds in self.WANTED]
        for each, value in zip(sorted(told.values()), wanted):
            self.assertAlmostEqual(each, value, delta=tolerance_s, msg=f"{told}")
        self.pipe.settle(told, 80)
        self.assertEqual(len(self.recorder.arrivals), 11)
        late = {name: self.recorder.at(name)[0] - self.began - at for name, at in told.items()}
        self.assertGreater(min(late.values()), -tolerance_s / 2, late)
        self.assertLess(max(late.values()), tolerance_s, late)
        arrivals = sorted(at for at, _, _ in self.recorder.arrivals)
        self.assertGreater(arrivals[10] - arrivals[0], 60 * self.scale)
        self.verify(self.pipe)

    def test_lines_of_one_request(self):
        self.start(0.1)
        lines = b"\n".join(json.dumps({"messageId": f"m-{n}", "userId": "user-7"}).encode()
                           for n in range(11))
        answer = self.pipe.post(lines, Content_Type="application/x-ndjson")
        self.assertEqual({line["status"] for line in answer.lines()}, {202}, answer)
        order = [line["id"] for line in sorted(answer.lines(), key=self.told)]
        self.assertEqual(order[3:], [f"m-{n}" for n in range(3, 11)])
        self.assert_kept(answer.lines(), 0.5)


class ElevenAtFullLength(Eleven):
    """Posted at once by eleven clients, with no time made shorter."""

    minutes = 4  # it begins early
    test_lines_of_one_request = None

    def test_each_goes_when_it_was_told(self):
        self.start(1.0)
        names = [f"m-{number}" for number in range(11)]
        with ThreadPoolExecutor(11) as clients:
            answers = list(clients.map(
                lambda name: self.pipe.post({"messageId": name, "userId": "user-7"}), names))
        self.assertEqual({answer.status for answer in answers}, {202}, answers)
        self.assert_kept([answer.json() for answer in answers], 2.0)


class Refused(EndToEnd):
    def test_rather_than_waiting_and_taken_when_it_was_told(self):
        pipeline = self.pipeline(time_scale=1.0).start()
        for number in (1, 2, 3):
            answer = self.accept(pipeline, {"messageId": f"m-{number}", "userId": "user-7"},
                                 Prefer="wait=0")
            self.assertEqual(answer.headers["preference-applied"], "wait=0")
        fourth = {"messageId": "m-4", "userId": "user-7"}
        refused = pipeline.post(fourth, Prefer="wait=0")
        self.assertEqual(refused.status, 429, refused)
        self.assertIn("problem+json", refused.headers["content-type"])
        self.assertIn("q=10;w=60", refused.headers["ratelimit-policy"])
        self.assertIn("r=0", refused.headers["ratelimit"])
        seconds = int(refused.headers["retry-after"])
        self.assertIn(seconds, (5, 6))
        self.assertEqual(request(pipeline.port, "GET", "/v1/messages/m-4").status, 404)
        time.sleep(seconds)
        self.accept(pipeline, fourth, Prefer="wait=0")
        eventually("m-4 is delivered", lambda: pipeline.state("m-4") == "delivered", 5)
        self.assertEqual(pipeline.report()["arrivals"], 4)
