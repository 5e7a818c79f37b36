"""bench/run and bench/redis/run still measure: small runs, with every number in its place."""

import json
import os
import subprocess
import tempfile
import unittest

from harness import ROOT


class Small(unittest.TestCase):
    def test_every_run_says_its_numbers(self):
        with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
            run = subprocess.run(
                [os.path.join(ROOT, "bench", "run"), "--only=file,door,ndjson,time,memory",
                 "--messages=400", "--keys=200", "--rate=200", "--seconds=1", "--folder", folder],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                timeout=150, check=False)
            self.assertEqual(run.returncode, 0, run.stdout)
            with open(os.path.join(folder, "report.json"), encoding="utf-8") as file:
                runs = json.load(file)["runs"]
        for name in ("file", "door", "ndjson"):
            self.assertEqual(runs[name]["messages"], 400)
            self.assertGreater(runs[name]["per_second"], 0)
        self.assertEqual(runs["time"]["messages"], 200)
        self.assertGreater(runs["time"]["own"]["p99_ms"], runs["time"]["own"]["p50_ms"])
        self.assertEqual(runs["memory"]["messages"], 200)
        self.assertGreater(runs["memory"]["full_mib"]["limiter"], 1)

    def test_the_limiter_is_measured_on_redis(self):
        with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
            run = subprocess.run(
                [os.path.join(ROOT, "bench", "run"), "--redis", "--only=file", "--messages=400",
                 "--keys=200", "--folder", folder], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=150, check=False)
            self.assertEqual(run.returncode, 0, run.stdout)
            with open(os.path.join(folder, "report.json"), encoding="utf-8") as file:
                found = json.load(file)["runs"]["file"]
        self.assertEqual(found["messages"], 400)
        self.assertGreater(found["processes"]["redis"]["rss_mib"], 1)
        self.assertGreater(found["store_commits"], 0)

    def test_decisions_on_redis_are_counted(self):
        with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
            run = subprocess.run(
                [os.path.join(ROOT, "bench", "redis", "run"), "--calls=2000", "--no-npm", "--no-scripts",
                 "--folder", folder], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, timeout=150, check=False)
            self.assertEqual(run.returncode, 0, run.stdout)
            with open(os.path.join(folder, "speed.json"), encoding="utf-8") as file:
                found = json.load(file)
        for name in ("gcra", "token_bucket", "fixed_window", "sliding_log", "gcra, Sluice's client"):
            for what, figure in found["bare"][name].items():
                self.assertGreater(figure, 0, f"{name}: {what}")
        self.assertIn("skipped what comes from npm: not asked for", run.stdout)
