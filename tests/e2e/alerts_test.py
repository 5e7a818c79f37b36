"""What a person must know arrives at a sink: real processes, from the cause to the line in a file."""

import contextlib
import json
import os
import sqlite3
import subprocess
import tempfile

from harness import BIN, EndToEnd, eventually, request

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

    def test_an_auditor_that_cannot_write(self):
        stages = {"alerter": ['silence_max = "3s"']}
        pipeline = self.pipeline(url=self.recorder().url, time_scale=0.1, stages=stages).start()
        ledger = os.path.join(pipeline.data, "auditor", "ledger.db")
        with contextlib.closing(sqlite3.connect(ledger, isolation_level=None)) as somebody:
            somebody.execute("BEGIN IMMEDIATE")  # and does not end
            self.accept(pipeline, {"messageId": "m1", "userId": "u1"}, Prefer="respond-async")
            self.told(pipeline, "auditor_silent")
            said = request(pipeline.health("auditor"), "GET", "/readyz")
            self.assertEqual(said.status, 503, said)
            self.assertIn(ledger, said.body.decode())
            somebody.execute("ROLLBACK")
        pipeline.settle(["m1"], 30)
        pipeline.wait_ready("auditor")


class Sinks(EndToEnd):
    def settings(self, text):
        scratch = self.enterContext(tempfile.TemporaryDirectory(prefix="sluice-"))
        path = os.path.join(scratch, "sluice.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'[sluice]\ndata_dir = "{scratch}"\n[[sink]]\nname = "ops"\n{text}')
        return path

    def test_a_kind_that_is_none_is_refused(self):
        path = self.settings('kind = "stdout"\nkinds = ["held", "violations"]\n')
        run = subprocess.run([f"{BIN}/sluice-alerter", "--check", "--settings", path], text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=30, check=False)
        self.assertEqual(run.returncode, 78, run.stdout)
        self.assertIn('"violations" is none of', run.stdout)

    def test_a_secret_that_is_not_there_is_named_at_start(self):
        sink = '[[sink]]\nname = "ops"\nkind = "webhook"\nurl = "secret://env/NOT_THERE"\n'
        pipeline = self.pipeline(url="http://127.0.0.1:9", more=sink)
        pipeline.start("auditor", "alerter")
        eventually("it is named", lambda: "secret://env/NOT_THERE" in pipeline.log("alerter"))
