"""bench/limiters sees what arrives: one that lets eleven through is reported as eleven, by the sink
and by the bench's own count; beside it Sluice on both stores, and the scripts on a real redis-server."""

import os
import sys
import tempfile
import unittest

from harness import ROOT

sys.path.insert(0, os.path.join(ROOT, "bench"))

from limiters import contestants, match, table  # noqa: E402
from limiters.loads import Rules  # noqa: E402

SLUICE = {"sluice", "sluice-embedded"}
SCRIPTS = {"token-bucket", "token-bucket-10", "gcra", "gcra-7", "fixed-window", "sliding-log"}


class Eleven(contestants.Asking):
    """Lets eleven through, whatever it was told, and then nothing."""

    async def prepare(self, setting):
        self.left = 11

    async def ask(self, _key):
        self.left -= 1
        return 0 if self.left >= 0 else 3600


class Limiters(unittest.TestCase):
    def test_eleven_are_eleven(self):
        contestants.CONTESTANTS["eleven"] = contestants.Entry("eleven", Eleven)
        self.addCleanup(contestants.CONTESTANTS.pop, "eleven")
        rules = Rules(scale=0.2, windows=1)
        with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
            names = ["eleven", *sorted(SLUICE | SCRIPTS)]
            runs, skipped = match.match(names, ["saturated"], rules, folder)
        self.assertEqual(skipped, {})
        found = {"arrivals": runs, "window_s": rules.window_s, "n": rules.n}
        said = table.row(found, "eleven")["saturated"]
        self.assertEqual(said, {"fullest": 11, "arrivals": 11, "over": 1, "first_over": 11})
        for name in SLUICE | SCRIPTS:  # each lets some through and holds the rest
            self.assertIn(len(runs[name]["saturated"]), range(3, 31), name)
        for name in SLUICE:
            self.assertLessEqual(table.row(found, name)["saturated"]["fullest"], 10, name)
