"""The README's five minutes, as they are written there: its own lines, run by a shell."""

import json
import os
import re
import subprocess
import unittest

import moto
from harness import ROOT, eventually, layout, request
from supervise import several
from supervised_test import Supervised


class Page(Supervised):
    def blocks(self, title):
        """What stands in the code blocks of a section, with this run's places."""
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
            section = file.read().split(f"## {title}\n")[1].split("\n## ")[0]
        places = {"127.0.0.1:8080": f"127.0.0.1:{self.port}",
                  "127.0.0.1:8090": f"127.0.0.1:{self.port + 10}"}
        for block in re.findall(r"```\n(.*?)```", section, re.S):
            for there, here in places.items():
                block = block.replace(there, here)
            yield re.sub(r"(sluice-auditor \w+)", rf"\1 --data-dir {self.data}", block)

    def shell(self, text):
        run = subprocess.run(["bash", "-c", text], cwd=ROOT, stdin=subprocess.DEVNULL, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False,
                             env={**os.environ, "SLUICE_LIMITER_HEALTH_LISTEN":
                                  f"127.0.0.1:{self.port + 2}"})
        self.assertEqual(run.returncode, 0, f"{text}\n{run.stdout}\n{run.stderr}")
        return run.stdout


class Readme(Page):
    def test_every_line_does_what_it_says(self):
        self.usual(SLUICE_INGEST_QUOTE_WAIT="2s").until("try:  curl")
        send, what, eleven, refused, costs, seen = self.blocks("Five minutes with curl")
        self.assertIn("HTTP/1.1 202 Accepted", self.shell(send))
        eventually("it went at once", lambda: '"state":"delivered"' in self.shell(what), 5)
        told = [float(text) for text in re.findall(r'"expected_in":([\d.]+)', self.shell(eleven))]
        self.assertEqual(len(told), 11)
        self.assertEqual([round(each) for each in told[:3]], [0, 0, 0], told)
        for each, wanted in zip(told[3:], (6, 12, 18, 24, 30, 36, 42, 61)):
            self.assertAlmostEqual(each, wanted, delta=2, msg=f"{told}")
        said = self.shell(refused)
        self.assertIn("HTTP/1.1 429", said)
        self.assertRegex(said, r"(?i)retry-after: \d+\n")
        self.assertRegex(said, r"(?i)ratelimit: ")
        self.assertEqual(self.shell(costs).count("HTTP/1.1 201"), 2)
        self.until(r"alerter \| ALERT .*budget")
        said = self.shell(seen)
        self.assertIn('"bans":0', said.replace(" ", ""))
        self.assertIn("delivered", said)
        self.assertRegex(said, r"whole")
        self.assertEqual(self.end(), 0, self.said)

    def test_what_waits_is_explained(self):
        self.usual(SLUICE_INGEST_QUOTE_WAIT="2s").until("try:  curl")
        self.shell(next(block for block in self.blocks("Five minutes with curl") if "burst-" in block))
        why, pause, simulate = self.blocks("Why does it wait?")
        said = self.shell(why)
        self.assertIn("message burst-9 of key onlyfans:user-7", said)
        self.assertIn("ahead of it: 5 (burst-4, burst-5, burst-6, burst-7, burst-8)", said)
        self.assertEqual(said.count("goes at: 2"), 2, said)
        self.assertIn('"why":"pacing","position":0,"expected_at"', said)
        paused, looked, resumed = re.findall(r"^\{.*?\}$", self.shell(pause), re.M)
        self.assertIn('"kind":"pause"', paused)
        self.assertIn('"by":"anna"', looked)
        self.assertIn('"why":"paused"', looked)
        self.assertIn('"holds":[]', resumed)
        said = self.shell(simulate)
        self.assertRegex(said, r"p50 s +p95 s")
        self.assertIn("what kept them", said)
        self.assertEqual(self.end(), 0, self.said)


@unittest.skipIf(moto.absent(), moto.absent())
class Queues(Page):
    """On moto at a port of the test's own; two ingests take two tens of ports more."""

    PREPARED = ["scripts/peers", "build/peers/venv/bin/moto_server -p 5000 >moto.log 2>&1 &"]

    def setUp(self):
        super().setUp()
        self.port, guard = layout.reserve_ports(11 + 2 * several.STEP)
        self.addCleanup(guard.close)
        self.aws = moto.Moto()
        self.addCleanup(self.aws.close)

    def test_every_line_does_what_it_says(self):
        """But that the emulator is there."""
        fill, run = self.blocks("On queues of SQS")
        for line in self.PREPARED:
            self.assertIn(line + "\n", fill)
            fill = fill.replace(line + "\n", "")
        here = self.aws.url.removeprefix("http://")
        said = self.shell(fill.replace("127.0.0.1:5000", here))
        self.assertEqual(said.count("<MessageId>"), 12, said)
        words = run.replace("127.0.0.1:5000", here).replace("\\\n", " ").split()
        self.assertEqual(words[0], "scripts/run")
        self.begin(*words[1:], "--data", self.data, "--port", str(self.port),
                   AWS_REGION=moto.REGION, **moto.CREDENTIALS).until("ready: front door")
        report = self.port + layout.UPSTREAM
        eventually("three go at once", lambda: json.loads(
            request(report, "GET", "/report").body)["arrivals"] >= 3, 30)
        eventually("copies are left of half a minute",
                   lambda: (left := self.aws.depth("messages"))[0] == 0 and left[1] <= 6, 30)
        self.assertEqual(self.end(), 0, self.said)
        for name in ("ingest", "ingest-2"):
            self.assertRegex(self.said, rf"{name} +\| .*queue open queue=messages")
