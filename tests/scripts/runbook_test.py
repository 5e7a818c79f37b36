"""The kinds of alerts: one table, a page that says of each what to do, and nobody who raises others."""

import glob
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def text_of(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


class Kinds(unittest.TestCase):
    def setUp(self):
        table = text_of("lib", "wire", "alert_kinds.h").split("kAlertKinds = {")[1].split("}")[0]
        self.kinds = set(re.findall(r'"(\w+)"', table))

    def test_the_runbook_knows_each(self):
        page = text_of("docs", "runbooks", "alerts.md")
        self.assertEqual(set(re.findall(r"^\| \[`(\w+)`\]\(#\1\) \|", page, re.M)), self.kinds)
        self.assertEqual(set(re.findall(r"^## (\w+)$", page, re.M)), self.kinds)

    def test_what_is_raised_is_one_of_them(self):
        raised = set()
        for path in glob.glob(os.path.join(ROOT, "au*", "*.cc")) + ["alerter/silence.h"]:
            text = text_of(path)
            raised |= set(re.findall(r'\balert_of\("(\w+)"', text))
            raised |= set(re.findall(r'\balert_about\(hold, "(\w+)"', text))
            raised |= set(re.findall(r'\.kind = "(\w+)"', text))
            raised |= set(re.findall(r'kAuditorSilent = "(\w+)"', text))
        self.assertEqual(raised, self.kinds)


if __name__ == "__main__":
    unittest.main()
