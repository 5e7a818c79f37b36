"""Stages that other programs replaced: docs/samples, which know docs/protocol.md and proto/ alone."""

import json
import os
import re
import signal
import subprocess
import tempfile
import time

from demo_test import Demo
from harness import ROOT, eventually, request
from supervised_test import Supervised

SAMPLES = os.path.join(ROOT, "docs", "samples")


def contract(test):
    """The environment of a program that has protoc's Python of the contract."""
    scratch = tempfile.TemporaryDirectory(prefix="sluice-")
    test.addCleanup(scratch.cleanup)
    subprocess.run(["protoc", "-Iproto", f"--python_out={scratch.name}", "sluice/v1/sluice.proto"],
                   cwd=ROOT, stdin=subprocess.DEVNULL, check=True)
    return {**os.environ, "PYTHONPATH": scratch.name, "PYTHONDONTWRITEBYTECODE": "1"}


class Dispatcher(Demo):
    """500 messages at the full rate of their limits, and the program is killed on the way."""

    test_by_itself = None

    def test_a_python_program_dispatches(self):
        run = self.demo("--stage", f"dispatcher={SAMPLES}/dispatcher.py", environment=contract(self))
        killed = 0
        for line in run.lines():
            if "have ended" in line and killed < 2:
                os.kill(run.pids["dispatcher"][-1], signal.SIGKILL)
                killed += 1
        table = self.assert_good(run)
        self.assertEqual(len(run.pids["dispatcher"]), 3)
        self.assertEqual(table["bans"], 0, table)
        self.assertLessEqual(table["duplicates"], table["unknown fates"], table)
        self.assertIn("role=dispatcher instance=python", run.said)


def month(number):
    """The first and the second of the months before this one, as "2026-09"."""
    now = time.gmtime()
    months = now.tm_year * 12 + now.tm_mon - 1 - 3 + number
    return f"{months // 12}-{months % 12 + 1:02}"


class Alerter(Supervised):
    def spend(self, number):
        cost = {"event_id": f"e-{number}", "provider": "openai", "agent": "writer",
                "type": "completion", "model": "gpt-4o", "units": 1, "amount": "500"}
        cost["at"] = f"{month(number)}-01T00:00:00Z"  # a month of its own each: an alert each
        answer = request(self.port, "POST", "/v1/costs", json.dumps(cost))
        self.assertEqual(answer.status, 201, answer)

    def remembered(self):
        """The months whose alert that all was spent it has; forecasts have alerts of their own."""
        with open(os.path.join(self.data, "alerter", "python.ndjson"), encoding="utf-8") as file:
            alerts = [json.loads(line) for line in file if line.endswith("\n")]
        self.assertEqual(len({alert["alert_id"] for alert in alerts}), len(alerts))
        return [alert["period"] for alert in alerts if "100 % spent" in alert["title"]]

    def test_a_python_program_alerts(self):
        self.begin("--data", self.data, "--port", str(self.port),
                   "--stage", f"alerter={SAMPLES}/alerter.py", **contract(self))
        pid = int(self.until(r"run \| alerter started, pid (\d+)").group(1))
        self.until("try:  curl")
        self.spend(1)
        self.until(rf"alerter \| ALERT .*budget monthly of {month(1)}: 100 % spent")
        eventually("it remembers", lambda: len(self.remembered()) == 1)
        os.kill(pid, signal.SIGKILL)
        self.until(r"run \| alerter started, pid ")
        self.spend(2)
        self.until(rf"alerter \| ALERT .*budget monthly of {month(2)}: 100 % spent")
        time.sleep(1.5)  # another question and its answer: what is known is not said again
        self.assertEqual(self.end(), 0, self.said)
        self.assertEqual(len(re.findall(r"alerter \| ALERT .*100 % spent", self.said)), 2, self.said)
        self.assertEqual(self.remembered(), [month(1), month(2)])
