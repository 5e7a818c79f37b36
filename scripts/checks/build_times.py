"""The slowest files of a build, from ninja's own log."""

import os

FILE_SECONDS_MAX = 8


def slowest(build, count=10):
    """[(seconds, object)] of the objects that took longest when they were last compiled."""
    log = os.path.join(build, ".ninja_log")
    if not os.path.exists(log):
        return []
    took = {}
    with open(log, encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if len(fields) >= 4 and fields[3].endswith(".o"):
                took[fields[3]] = (int(fields[1]) - int(fields[0])) / 1000
    return sorted(((s, o) for o, s in took.items()), reverse=True)[:count]


def report(build):
    lines = [f"  {seconds:6.1f} s  {name}{'  <- over 8 s' if seconds > FILE_SECONDS_MAX else ''}"
             for seconds, name in slowest(build)]
    return ["ten slowest files of " + build + ":"] + lines if lines else []
