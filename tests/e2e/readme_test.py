"""The README's five minutes, as they are written there: its own lines, run by a shell."""

import os
import re
import subprocess

from harness import ROOT, eventually
from supervised_test import Supervised


class Readme(Supervised):
    def blocks(self):
        """What stands in the code blocks of "Five minutes with curl", with this run's places."""
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
            section = file.read().split("## Five minutes with curl")[1].split("\n## ")[0]
        places = {"127.0.0.1:8080": f"127.0.0.1:{self.port}",
                  "127.0.0.1:8090": f"127.0.0.1:{self.port + 10}"}
        for block in re.findall(r"```\n(.*?)```", section, re.S):
            for there, here in places.items():
                block = block.replace(there, here)
            yield re.sub(r"(sluice-auditor \w+)", rf"\1 --data-dir {self.data}", block)

    def shell(self, text):
        run = subprocess.run(["bash", "-c", text], cwd=ROOT, stdin=subprocess.DEVNULL, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
        self.assertEqual(run.returncode, 0, f"{text}\n{run.stdout}\n{run.stderr}")
        return run.stdout

    def test_every_line_does_what_it_says(self):
        self.usual(SLUICE_INGEST_QUOTE_WAIT="2s").until("try:  curl")
        send, what, eleven, refused, costs, seen = self.blocks()
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
