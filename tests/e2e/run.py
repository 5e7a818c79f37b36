"""Runs Python tests, one process for each class of tests, several at a time.

usage: tests/e2e/run.py [--report FILE] [--jobs N] FOLDER [PATTERN...]

A class may say `minutes = 4`: the most that it may take (default 3), and what takes longest starts
first. The report is like GoogleTest's.
"""

import argparse
import faulthandler
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as xml
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True


class Verdicts(unittest.TestResult):
    """How each test ended: name -> {seconds, failure, skipped}."""

    def __init__(self):
        super().__init__()
        self.found = {}

    def startTest(self, test):
        super().startTest(test)
        self.found[_name(test)] = {"began": time.monotonic(), "failure": None, "skipped": None}

    def stopTest(self, test):
        super().stopTest(test)
        entry = self.found[_name(test)]
        entry["seconds"] = round(time.monotonic() - entry.pop("began"), 3)

    def _fail(self, test, error):
        blank = {"seconds": 0, "failure": None, "skipped": None}
        entry = self.found.setdefault(_name(test), blank)
        entry["failure"] = (entry["failure"] or "") + self._exc_info_to_string(error, test)

    def addFailure(self, test, err):
        self._fail(test, err)

    def addError(self, test, err):
        self._fail(test, err)

    def addSubTest(self, test, subtest, err):
        if err:
            self._fail(test, err)

    def addSkip(self, test, reason):
        entry = self.found.setdefault(_name(test), {"seconds": 0, "failure": None})
        entry["skipped"] = reason


def _name(test):
    return getattr(test, "_testMethodName", str(test))


def classes(folder, patterns):
    """{module.Class: the class} of every test in the folder."""
    sys.path.insert(0, os.path.abspath(folder))
    found = {}
    for name in sorted(os.listdir(folder)):
        if not name.endswith("_test.py"):
            continue
        module = __import__(name[:-3])
        for title, value in vars(module).items():
            full = f"{name[:-3]}.{title}"
            if isinstance(value, type) and issubclass(value, unittest.TestCase) \
                    and value.__module__ == name[:-3] \
                    and (not patterns or any(p in full for p in patterns)):
                found[full] = value
    return found


def minutes_of(tests):
    return getattr(tests, "minutes", 3)


def run_here(folder, title, out):
    tests = classes(folder, [title])[title]
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(tests)
    # Whoever takes too long is ended from outside; where it hung is said a moment before.
    faulthandler.dump_traceback_later(60 * minutes_of(tests) - 5)
    verdicts = Verdicts()
    suite.run(verdicts)
    with open(out, "w", encoding="utf-8") as file:
        json.dump(verdicts.found, file)


def run_apart(folder, title, minutes):
    """The verdicts of one class, run in a process group of its own, and what it printed."""
    with tempfile.TemporaryDirectory(prefix="sluice-test-") as scratch:
        out = os.path.join(scratch, "verdicts.json")
        process = subprocess.Popen(
            [sys.executable, __file__, "--class", title, "--out", out, folder],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, env={**os.environ, "TMPDIR": scratch})
        try:
            printed = process.communicate(timeout=60 * minutes)[0]
            trouble = f"its process ended with {process.returncode}"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            printed = process.communicate()[0]
            trouble = f"took longer than {minutes} minutes"
        if os.path.exists(out):
            with open(out, encoding="utf-8") as file:
                return json.load(file), printed.decode(errors="replace")
        verdict = {"seconds": 0, "failure": trouble, "skipped": None}
        return {"process": verdict}, printed.decode(errors="replace")


def show(title, verdicts, printed):
    for name, verdict in verdicts.items():
        word = "FAIL" if verdict["failure"] else "skip" if verdict["skipped"] else "ok"
        print(f"{word:4} {title}.{name} ({verdict['seconds']:.1f} s)", flush=True)
        if verdict["failure"]:
            print(verdict["failure"], flush=True)
    if printed and any(verdict["failure"] for verdict in verdicts.values()):
        print(f"---- what {title} printed:\n{printed[-20000:]}", flush=True)


def write_report(path, results):
    root = xml.Element("testsuites")
    for title, verdicts in results.items():
        suite = xml.SubElement(root, "testsuite", name=title)
        for name, verdict in verdicts.items():
            case = xml.SubElement(suite, "testcase", name=name, classname=title, status="run",
                                  time=str(verdict["seconds"]))
            if verdict["failure"]:
                xml.SubElement(case, "failure", message=verdict["failure"])
            elif verdict["skipped"]:
                xml.SubElement(case, "skipped", message=verdict["skipped"])
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    xml.ElementTree(root).write(path, encoding="utf-8")


def run_all(arguments):
    found = classes(arguments.folder, arguments.patterns)
    minutes = {title: minutes_of(value) for title, value in found.items()}
    results, began = {}, time.monotonic()

    def one(title):
        results[title], printed = run_apart(arguments.folder, title, minutes[title])
        show(title, results[title], printed)

    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(one, sorted(found, key=lambda title: -minutes[title])))
    if arguments.report:
        write_report(arguments.report, results)
    every = [v for verdicts in results.values() for v in verdicts.values()]
    failed = sum(1 for v in every if v["failure"])
    took = {title: sum(v["seconds"] for v in verdicts.values()) for title, verdicts in results.items()}
    longest = ", ".join(f"{title} {took[title]:.0f} s"
                        for title in sorted(took, key=took.get, reverse=True)[:5])
    print(f"the longest: {longest}")
    print(f"{arguments.folder}: {len(every)} tests, {failed} failed, "
          f"{time.monotonic() - began:.0f} s")
    return 1 if failed or not every else 0


def main():
    # In a background job of a shell SIGINT is ignored, and so it would be by what tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--report")
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--class", dest="title")
    parser.add_argument("--out")
    parser.add_argument("folder")
    parser.add_argument("patterns", nargs="*")
    arguments = parser.parse_args()
    if arguments.title:
        run_here(arguments.folder, arguments.title, arguments.out)
        return 0
    return run_all(arguments)


if __name__ == "__main__":
    sys.exit(main())
