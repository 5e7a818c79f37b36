"""Watches ingest's parking file and writes when each message's settlement could be seen, that is,
after its commit: "identity nanoseconds" a line. Ends after `count` of them, or 60 s of silence.

usage: watching.py PARKING OUT COUNT
"""

import sqlite3
import sys
import time

EVERY_S = 0.0005
SILENCE_S = 60


def watch(database, count):
    """[(identity, ns)]: new names among those that have ended, in the order of their ending."""
    found, last, seen_last = [], 0, set()
    version, heard = None, time.monotonic()
    while len(found) < count and time.monotonic() - heard < SILENCE_S:
        now = database.execute("PRAGMA data_version").fetchone()[0]
        if now == version:
            time.sleep(EVERY_S)
            continue
        version = now
        at = time.monotonic_ns()
        rows = database.execute("SELECT identity, remember_until FROM messages WHERE state > 1 AND "
                                "remember_until >= ? ORDER BY remember_until", (last,)).fetchall()
        fresh = [(i, until) for i, until in rows if i not in seen_last]
        if fresh:
            heard = time.monotonic()
            last = rows[-1][1]
            seen_last = {i for i, until in rows if until == last}
        found += [(i, at) for i, _ in fresh]
    return found


def main():
    parking, out, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    database = sqlite3.connect(f"file:{parking}?mode=ro", uri=True, timeout=10,
                               isolation_level=None)
    print("watching", flush=True)
    found = watch(database, count)
    with open(out, "w", encoding="utf-8") as file:
        file.writelines(f"{bytes(identity).hex()} {at}\n" for identity, at in found)
    return 0 if len(found) == count else 75


if __name__ == "__main__":
    sys.exit(main())
