"""What the test programs reported: GoogleTest's XML, which tests/e2e/run.py writes too."""

import fnmatch
import glob
import os
import xml.etree.ElementTree as xml
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Names of tests by how they ended. A skip has its reason."""
    passed: list = field(default_factory=list)
    failed: list = field(default_factory=list)
    skipped: dict = field(default_factory=dict)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped.update(other.skipped)

    def line(self):
        return f"{len(self.passed)} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


def read_report(path, prefix=""):
    """One program's report. Unreadable: the program died while it wrote, which is a failure."""
    tally = Tally()
    program = prefix + os.path.splitext(os.path.basename(path))[0]
    try:
        root = xml.parse(path).getroot()
    except (OSError, xml.ParseError) as error:
        tally.failed.append(f"{program}: no readable report ({error})")
        return tally
    for case in root.iter("testcase"):
        name = f"{program}.{case.get('classname')}.{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            tally.failed.append(name)
        elif skipped is not None:
            tally.skipped[name] = (skipped.get("message") or "no reason given").strip()
        elif case.get("status") == "notrun" or case.get("result") == "suppressed":
            tally.skipped[name] = "disabled in the source"
        else:
            tally.passed.append(name)
    return tally


def read_reports(folder, prefix=""):
    tally = Tally()
    for path in sorted(glob.glob(os.path.join(folder, "*.xml"))):
        tally.add(read_report(path, prefix))
    return tally


def read_ctest(junit, programs):
    """Programs that ctest saw fail although no case in their report did: crashes, timeouts."""
    tally = Tally()
    try:
        root = xml.parse(junit).getroot()
    except (OSError, xml.ParseError) as error:
        tally.failed.append(f"{os.path.basename(junit)}: ctest reported nothing ({error})")
        return tally
    blamed = {name.split(".")[0].split("/")[-1] for name in programs.failed}
    for case in root.iter("testcase"):
        reported = case.get("name") in blamed
        if case.get("status") != "run" and not reported:
            tally.failed.append(f"{case.get('name')}: the program ended with "
                                f"{case.get('status')} (crash, timeout or not built)")
    return tally


def allowed_skips(path):
    """tests/skips.txt: {pattern: reason}; # starts a comment."""
    allowed = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            pattern, _, reason = line.partition("#")[0].strip().partition(" ")
            if pattern:
                allowed[pattern] = reason.strip()
    return allowed


def unlisted(skipped, allowed):
    return [name for name in skipped
            if not any(fnmatch.fnmatch(name, pattern) for pattern in allowed)]
