"""What bench/limiters says of arrivals: its oracle, its table, its picture."""

import json
import os
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests", "e2e")]

from limiters import match, oracle, picture, table  # noqa: E402
from limiters.loads import Rules  # noqa: E402

SECOND = 1_000_000_000
WINDOW = 60 * SECOND


def evenly(count, gap):
    return [number * gap for number in range(count)]


class Oracle(unittest.TestCase):
    def test_eleven_at_once_are_eleven(self):
        arrivals = [70 * SECOND] * 11
        self.assertEqual(oracle.fullest(arrivals, WINDOW), 11)
        self.assertEqual(oracle.over(arrivals, WINDOW, 10), 1)
        self.assertEqual(oracle.first_over(arrivals, WINDOW, 10), 11)

    def test_a_window_is_closed_at_both_ends(self):
        arrivals = evenly(11, 6 * SECOND)
        self.assertEqual(oracle.fullest(arrivals, WINDOW), 11)
        arrivals[-1] += 1
        self.assertEqual(oracle.fullest(arrivals, WINDOW), 10)
        self.assertEqual(oracle.over(arrivals, WINDOW, 10), 0)
        self.assertIsNone(oracle.first_over(arrivals, WINDOW, 10))

    def test_the_picture_counts_as_the_table_does(self):
        arrivals = sorted([0] * 3 + evenly(30, 6 * SECOND) + [90 * SECOND + 7] * 5)
        steps = oracle.counts(arrivals, WINDOW)
        self.assertEqual(max(count for _, count in steps), oracle.fullest(arrivals, WINDOW))
        self.assertEqual(steps[-1][1], 0)

    def test_a_saturated_key_is_measured_over_whole_windows(self):
        arrivals = [window * 61 * SECOND + at * SECOND for window in range(5) for at in range(10)]
        self.assertAlmostEqual(oracle.per_hour(arrivals, 10, WINDOW), 3600 * 10 / 61, 6)
        self.assertAlmostEqual(oracle.per_hour(arrivals + [WINDOW * 6], 10, WINDOW), 3600 * 10 / 61, 6)
        self.assertIsNone(oracle.per_hour(arrivals[:19], 10, WINDOW))

    def test_nothing_is_nothing(self):
        self.assertEqual(oracle.fullest([], WINDOW), 0)
        self.assertEqual(oracle.counts([], WINDOW), [])

    def test_arrivals_are_read_in_their_order(self):
        with tempfile.NamedTemporaryFile("w", suffix=".times") as file:
            file.write("b 200 250\na 100 300\n")
            file.flush()
            self.assertEqual(oracle.read_times(file.name), [100, 200])

    def test_a_sink_that_counts_otherwise_is_an_error(self):
        said = {"window_ms": 60_000, "n": 10, "arrivals": 11, "fullest_window": 11, "over": 1}
        self.assertEqual(match.judged("x", "bursty", [1] * 11, said), [1] * 11)
        with self.assertRaisesRegex(RuntimeError, "the sink counted"):
            match.judged("x", "bursty", [1] * 10, said)


def report(**arrivals):
    return {"machine": {"date": "2026-01-01", "cores": 2, "model": "a machine", "load": 0.0},
            "scale": 0.25, "n": 10, "window_s": 15.0, "skipped": {"bullmq": "npm is away"},
            "arrivals": {name.replace("_", "-"): {"saturated": times, "bursty": times}
                         for name, times in arrivals.items()}}


class Shown(unittest.TestCase):
    def setUp(self):
        at_once = 5 * SECOND
        self.found = report(sluice=[at_once] * 10 + [at_once + 16 * SECOND] * 10,
                            gcra=[at_once] * 11 + [at_once + 20 * SECOND] * 10)

    def test_the_table_names_who_let_eleven_through(self):
        lines = {line[:26].strip(): line for line in table.text(self.found).splitlines()}
        self.assertRegex(lines["Sluice on Redis"], r" 10 +0 of 20 +never +10 +0 of 20 +never +562\.5$")
        self.assertRegex(lines["GCRA, burst 3"], r" 11 +1 of 21 +ban at 11 +11 +1 of 21 +ban at 11")
        self.assertIn("skipped: npm is away", lines["BullMQ"])
        self.assertIn("2 contestants measured, 1 skipped", table.text(self.found))

    def test_the_picture_names_them_too(self):
        kept = picture.pack(self.found)
        self.assertEqual(picture.unpack(kept, "sluice", "bursty")[-1], 16_000_000)
        root = xml.fromstring(picture.svg(kept, "bursty"))
        texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
        at = texts.index("Sluice on Redis")
        self.assertEqual(texts[at + 1], "at most 10")
        self.assertEqual(texts[texts.index("GCRA, burst 3") + 1], "at most 11")
        beyond = [node for node in root.iter() if node.get("class") == "beyond"]
        self.assertEqual(len(beyond), 1)

    def test_what_is_kept_reads_as_it_was_written(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "arrivals.json")
            picture.write(picture.pack(self.found), path)
            with open(path, encoding="utf-8") as file:
                self.assertEqual(json.load(file), picture.pack(self.found))

    def test_the_picture_in_the_tree_is_that_of_the_arrivals_in_the_tree(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "limits.svg")
            picture.draw(picture=path)
            with open(path, encoding="utf-8") as drawn, open(picture.PICTURE, encoding="utf-8") as kept:
                self.assertEqual(drawn.read(), kept.read())

    def test_in_the_tree_sluice_is_never_over(self):
        with open(picture.DATA, encoding="utf-8") as file:
            kept = json.load(file)
        for load in ("saturated", "bursty"):
            times = picture.unpack(kept, "sluice", load)
            self.assertGreater(len(times), 100)
            self.assertEqual(oracle.fullest(times, kept["window_us"]), kept["n"])


class Told(unittest.TestCase):
    def test_who_counts_whole_seconds_is_told_nothing_else(self):
        self.assertIsNone(match.unfit("bursty", Rules(0.25, 1)))
        self.assertIsNone(match.unfit("rate-limiter-flexible", Rules(0.1, 1)))
        self.assertIn("told 0.8", match.unfit("bursty", Rules(0.1, 1)))
        self.assertIsNone(match.unfit("gcra", Rules(0.01, 1)))
