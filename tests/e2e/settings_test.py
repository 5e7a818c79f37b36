"""docs/settings.md is what the programs say."""

import os
import subprocess
import unittest

from harness import ROOT


class Page(unittest.TestCase):
    def test_it_is_current(self):
        run = subprocess.run([os.path.join(ROOT, "scripts", "settings-page"), "--check"], text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
        self.assertEqual(run.returncode, 0, run.stdout)
