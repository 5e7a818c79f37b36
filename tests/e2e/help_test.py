"""What the programs say of themselves on a terminal."""

import re
import subprocess
import unittest

from harness import BIN

STAGES = ("ingest", "limiter", "dispatcher", "auditor", "alerter")


def said(*words):
    run = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, check=False, text=True, timeout=20)
    return run.returncode, run.stdout, run.stderr


class Help(unittest.TestCase):
    def assert_readable(self, text):
        for line in text.splitlines():
            self.assertLessEqual(len(line), 100, line)

    def test_fits_a_terminal_and_names_each_verb(self):
        verbs = []
        for stage in STAGES:
            program = f"{BIN}/sluice-{stage}"
            code, text, errors = said(program, "--help")
            self.assertEqual((code, errors), (0, ""), stage)
            self.assert_readable(text)
            self.assertIn("--health-listen", text)
            found = re.findall(rf"^       sluice-{stage} (\w+)", text, re.M)
            verbs += [(program, verb) for verb in found]
        self.assertGreaterEqual(len(verbs), 9, verbs)
        for program, verb in verbs:
            code, text, errors = said(program, verb, "--help")
            self.assertEqual((code, errors), (0, ""), f"{program} {verb}")
            self.assertRegex(text, rf"\Ausage: sluice-\w+ {verb}\b")
            self.assert_readable(text)
            self.assertNotIn("--health-listen", text, "a verb's own page, not the program's")


if __name__ == "__main__":
    unittest.main()
