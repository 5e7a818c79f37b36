"""The README's first minutes: a message goes at once; eleven to one key go when they were told."""

import time

from harness import EndToEnd, eventually

TOLERANCE_S = 0.35  # the machine may be busy with other tests


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
    """At a tenth of all times: window 6 s, one every 0.6 s after a burst of three."""

    def test_each_goes_when_it_was_told(self):
        recorder = self.recorder()
        pipeline = self.pipeline(url=recorder.url).start()
        began = time.monotonic()
        told = []
        for number in range(1, 12):
            answer = self.accept(pipeline, {"messageId": f"m-{number}", "userId": "user-7"})
            told.append(pipeline.expected(answer, began))
        for number in (1, 2, 3):
            self.assertLess(told[number - 1], TOLERANCE_S, told)
        self.assertAlmostEqual(told[3], 0.6, delta=TOLERANCE_S)
        self.assertAlmostEqual(told[9], 4.2, delta=TOLERANCE_S)
        self.assertAlmostEqual(told[10], 6.1, delta=TOLERANCE_S)
        pipeline.settle([f"m-{n}" for n in range(1, 12)], 20)
        went = [recorder.at(f"m-{n}")[0] - began for n in range(1, 12)]
        self.assertEqual(len(recorder.arrivals), 11)
        for number in range(11):
            self.assertAlmostEqual(went[number], told[number], delta=TOLERANCE_S,
                                   msg=f"m-{number + 1}: told {told}, went {went}")
        self.assertGreater(went[10] - went[0], 6.0)

    def test_refused_rather_than_waiting(self):
        pipeline = self.pipeline().start()
        for number in (1, 2, 3):
            self.accept(pipeline, {"messageId": f"m-{number}", "userId": "user-7"},
                        Prefer="wait=0")
        fourth = {"messageId": "m-4", "userId": "user-7"}
        refused = pipeline.post(fourth, Prefer="wait=0")
        self.assertEqual(refused.status, 429, refused)
        self.assertIn("problem+json", refused.headers["content-type"])
        self.assertIn("ratelimit", refused.headers)
        self.assertIn("ratelimit-policy", refused.headers)
        seconds = int(refused.headers["retry-after"])
        self.assertEqual(seconds, 1)
        time.sleep(seconds)
        self.accept(pipeline, fourth, Prefer="wait=0")
        eventually("m-4 is delivered", lambda: pipeline.state("m-4") == "delivered", 5)
