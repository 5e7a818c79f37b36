"""What a person must know arrives at a sink: real processes, from the cause to the line in a file."""

import json
import os

from harness import EndToEnd, eventually

ABNORMAL = 'abnormal = ["403: abnormal usage"]\n'


class Alerts(EndToEnd):
    def told(self, pipeline, kind, seconds=60):
        """The first alert of that kind in the alerter's file."""
        path = os.path.join(pipeline.data, "alerter", "alerts.ndjson")

        def found():
            with open(path, encoding="utf-8") as file:
                alerts = [json.loads(line) for line in file if line.endswith("\n")]
            return next((alert for alert in alerts if alert["kind"] == kind), None)

        return eventually(f"alert {kind}", found, seconds)

    def test_a_limiter_that_is_gone(self):
        pipeline = self.pipeline(url=self.recorder().url, time_scale=0.01).start()
        pipeline.kill("limiter")
        self.accept(pipeline, {"messageId": "m1", "userId": "u1"}, Prefer="respond-async")
        alert = self.told(pipeline, "held")
        self.assertEqual(alert["severity"], "critical", alert)
        self.assertIn("1 message", alert["text"])
        pipeline.start("limiter")
        pipeline.settle(["m1"], 30)

    def test_an_upstream_that_speaks_of_abnormal_usage(self):
        def act(door, _):
            door.reply(403, b'{"error": "Abnormal usage detected"}')
            return True

        recorder = self.recorder(act)
        pipeline = self.pipeline(url=recorder.url, time_scale=0.01, more=ABNORMAL).start()
        self.accept(pipeline, {"messageId": "m1", "userId": "u1"}, Prefer="respond-async")
        alert = self.told(pipeline, "abnormal_usage")
        self.assertEqual(alert["severity"], "critical", alert)
        self.assertEqual(alert["labels"]["upstream"], "onlyfans", alert)
        self.assertEqual(len(recorder.arrivals), 1)
