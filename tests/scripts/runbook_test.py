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


def literals(pattern, text):
    """The C++ strings that follow `pattern`, each whole: pieces next to each other are one."""
    found = re.findall(pattern + r'\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', text)
    return {"".join(re.findall(r'"((?:[^"\\]|\\.)*)"', one)).strip(" :") for one in found}


def sources(*patterns):
    return "".join(text_of(os.path.relpath(path, ROOT)) for pattern in patterns
                   for path in sorted(glob.glob(os.path.join(ROOT, pattern))))


class Store(unittest.TestCase):
    """Whatever a limiter says of its store on Redis has a row in the page for whom it wakes."""

    def setUp(self):
        page = text_of("docs", "runbooks", "redis.md")
        self.rows = [line for line in page.splitlines() if line.startswith("| ")]
        self.page = " ".join(page.split()).replace("`", "")

    def assert_known(self, texts, at_least):
        self.assertGreaterEqual(len(texts), at_least, "the sources are read wrongly")
        self.assertEqual({text for text in texts if text not in self.page}, set())

    def test_each_reason_why_a_server_is_unfit(self):
        words = text_of("limiter", "redis_checks.h").split("kUnfitWords = {")[1].split("}")[0]
        reasons = set(re.findall(r'"(\w+)"', words))
        reasons |= literals(r"kUnlooked =", text_of("limiter", "redis_watch.h"))
        self.assertGreaterEqual(len(reasons), 6)
        rows = set(re.findall(r"^\| `(\w+)` \| ", "\n".join(self.rows), re.M))
        self.assertEqual(reasons - rows, set())

    def test_each_error_that_scripts_or_servers_say(self):
        kinds = set(re.findall(r"fail\('([A-Z]+) ", sources("limiter/lua/*.lua")))
        kinds |= set(re.findall(r'Trouble\{"([A-Z]+)"', text_of("limiter", "redis_decode.cc")))
        port = text_of("lib", "port", "redis_connection.cc")
        for listed in re.findall(r"is_one_of\(kind, \{([^}]*)\}", port):
            kinds |= set(re.findall(r'"([A-Z]+)"', listed))
        kinds |= set(re.findall(r'kind == "([A-Z]+)"', port))
        self.assert_known(kinds, at_least=18)

    def test_each_line_of_the_log(self):
        lines = literals(r"log_?\.(?:info|warning|error)\(",
                         sources("limiter/redis_*.cc", "lib/port/redis_*.cc"))
        lines |= literals(r"said\.emplace_back\(", text_of("limiter", "redis_checks.cc"))
        shell = literals(r"log\(\)\.(?:info|warning|error)\(", text_of("limiter", "shell.cc"))
        self.assert_known(lines | {line for line in shell if "the store" in line}, at_least=8)

    def test_each_trouble_of_readyz(self):
        texts = set()
        for name in ("redis_nodes", "redis_node", "redis_connection"):
            code = re.sub(r"//.*", "", text_of("lib", "port", name + ".cc"))
            for text in re.findall(r'"((?:[^"\\]|\\.)*)"', code):
                texts |= {part.strip(" :") for part in text.split(": ") if " " in part.strip()}
        texts -= {"no longer asked", "an error"}  # nobody waits for it; not the server's words
        texts |= literals(r"kUnlookedText =", text_of("limiter", "redis_watch.cc"))
        texts |= literals(r"set_doubt\(", text_of("limiter", "redis_twin.cc"))
        ready = text_of("limiter", "shell.cc").split("Shell::not_ready")[1].split("\n}")[0]
        texts |= literals(r"return", ready)
        self.assert_known({text.split(",")[0] for text in texts if text}, at_least=16)


class Aws(unittest.TestCase):
    """Whatever is said of secrets, copies, costs and alerts in AWS has its row."""

    def test_each_line_of_the_log(self):
        page = " ".join(text_of("docs", "runbooks", "aws.md").split()).replace("`", "")
        lines = literals(r"log_?\.(?:info|warning|error)\(", sources(
            "lib/aws/secrets.cc", "auditor/s3_copies.cc", "auditor/split_ledger.cc",
            "alerter/alert_table.cc"))
        self.assertGreaterEqual(len(lines), 9, lines)
        self.assertEqual({line for line in lines if line not in page}, set())


if __name__ == "__main__":
    unittest.main()
