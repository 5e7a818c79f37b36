"""The runs: each starts a Sluice of its own and says what was measured, as a dictionary."""

import os
import resource
import sqlite3
import subprocess
import sys
import time

from harness import BIN, layout, request
from measuring.pipeline import COUNTED, difference, load, pipeline, used

SETTLED = "sluice_messages_settled_total"
REMEMBER_US = 14 * 86_400 * 1_000_000


def document(parsed, number, prefix="f", key=None):
    key = f"user-{number % parsed.keys}" if key is None else key
    text = f'{{"messageId":"{prefix}-{number}","userId":"{key}","content":"'
    return text + "x" * (parsed.size - len(text) - 2) + '"}\n'


def write_file(made, parsed, count, **options):
    path = os.path.join(made.scratch, "messages.ndjson")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(document(parsed, number, **options) for number in range(count))
    return path


def import_file(made, path):
    """(seconds, CPU in microseconds) of the import."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([f"{BIN}/sluice-ingest", "import", path, "--settings", made.settings],
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True,
                   stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return time.monotonic() - began, cpu * 1e6


def totalled(made, parsed, before, seconds):
    used_by = difference(before, made.used(), parsed.messages)
    five = sum(used_by[name]["user_us"] + used_by[name]["system_us"] for name in COUNTED)
    return {"messages": parsed.messages, "seconds": seconds, "per_second": parsed.messages / seconds,
            "processes": used_by, "five_us": five,
            "frames": {s: made.metric(s, "sluice_link_frames_total") / parsed.messages
                       for s in ("ingest", "limiter")},
            "store_commits": made.metric("limiter", "sluice_limiter_store_seconds_count")
            / parsed.messages,
            "connections": request(made.port + layout.UPSTREAM, "GET",
                                   "/report?keys=0").json()["connections"]}


def from_file(parsed):
    """From the start of an import to the settlement of its last message."""
    with pipeline(parsed, "file") as made:
        path = write_file(made, parsed, parsed.messages)
        before, began = made.used(), time.monotonic()
        seconds, cpu_us = import_file(made, path)
        ended = made.wait_for("ingest", SETTLED, parsed.messages)
        found = totalled(made, parsed, before, ended - began)
        found["import"] = {"seconds": seconds, "us": cpu_us / parsed.messages}
        found["five_us"] += cpu_us / parsed.messages
        return found


def from_door(parsed, run="door", **options):
    """From the first request to the settlement of the last message."""
    with pipeline(parsed, run) as made:
        before, began = made.used(), time.monotonic()
        said = load(made, parsed, messages=parsed.messages, **options)
        ended = made.wait_for("ingest", SETTLED, parsed.messages)
        found = totalled(made, parsed, before, ended - began)
        found["load"] = {"us": said["cpu_us"] / parsed.messages,
                         "accepted_per_second": parsed.messages / said["seconds"]}
        return found


def from_ndjson(parsed):
    return from_door(parsed, "ndjson", batch=100, connections=8)


# ---- the pipeline's own time

def read_times(path):
    with open(path, encoding="utf-8") as file:
        return {name: [int(n) for n in times] for name, *times in map(str.split, file)}


def quantile(values, share):
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def quantiles(values):
    values = sorted(value / 1e6 for value in values)
    return {"p50_ms": quantile(values, 0.5), "p99_ms": quantile(values, 0.99)}


def own_times(parsed):
    """At a steady rate: (202 read -> first byte to the upstream) + (the answer's last byte ->
    the row is gone). Four clocks are one, CLOCK_MONOTONIC: sluice-load's, sluice-upstream's, and
    that of `watching.py`, which sees a commit of the parking file within half a millisecond."""
    count = parsed.rate * parsed.seconds
    with pipeline(parsed, "time", times=True) as made:
        taken, gone = (os.path.join(made.scratch, n) for n in ("taken", "gone"))
        parking = os.path.join(made.data, "ingest", "parking.db")
        watcher = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(__file__), "watching.py"), parking, gone,
             str(count)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        try:
            watcher.stdout.readline()  # it watches
            before = made.used()
            load(made, parsed, messages=count, rate=parsed.rate, connections=256,
                 **{"times-file": taken})
            watcher.wait(60)
        finally:
            watcher.kill()
            watcher.wait()
        after = made.used()
        with sqlite3.connect(f"file:{parking}?mode=ro", uri=True, timeout=10) as database:
            names = {bytes(i).hex(): n for i, n in database.execute("SELECT identity, id FROM messages")}
        made.processes["dispatcher"].terminate()
        made.processes.pop("dispatcher").wait()
        made.processes["upstream"].terminate()
        made.processes.pop("upstream").wait()
        found = summed(read_times(taken), read_times(made.times), read_times(gone), names)
        found["processes"] = difference(before, after, count)
        found["rate"] = parsed.rate
        return found


def summed(taken, served, gone, names):
    """Quantiles of both parts and of their sum, message by message."""
    first, last, whole = [], [], []
    for identity, (first_byte, answered) in served.items():
        accepted = taken[names[identity]][0]
        first.append(first_byte - accepted)
        last.append(gone[identity][0] - answered)
        whole.append(max(0, first[-1]) + last[-1])
    if len(whole) != len(taken):
        raise RuntimeError(f"{len(taken)} were taken, the times of {len(whole)} are known")
    return {"messages": len(whole), "to_first_byte": quantiles(first),
            "after_answer": quantiles(last), "own": quantiles(whole)}


# ---- memory

def memory(parsed):
    """Nobody listens where the messages are to go: they wait. Half as many as `messages`, of as many
    keys, wait in lines; then as many more, of one key, beyond its line."""
    count = min(parsed.messages // 2, 100_000)
    made_of = {"in_line": {}, "beyond": {"prefix": "g", "key": "user-0"}}
    with pipeline(parsed, "memory", url="http://127.0.0.1:9") as made:
        found, before = {"messages": count, "bodies": parsed.size}, made.used()
        found["empty_mib"] = {name: before[name][2] / 2**20 for name in COUNTED}
        lines = parsed.keys
        parsed.keys = count
        for what, options in made_of.items():
            import_file(made, write_file(made, parsed, count, **options))
            made.wait_for("limiter", "sluice_limiter_messages", count)
            settle(made)
            after = made.used()
            found[what] = {name: (after[name][2] - before[name][2]) / count for name in COUNTED}
            before = after
        parsed.keys = lines
        found["full_mib"] = {name: before[name][2] / 2**20 for name in COUNTED}
        return found


def settle(made, seconds=3.0):
    """Until no process grew for so long."""
    end, last = time.monotonic() + 60, None
    quiet = time.monotonic()
    while time.monotonic() < end and time.monotonic() - quiet < seconds:
        sizes = [used(made.processes[name].pid)[2] >> 16 for name in layout.STAGES]
        if sizes != last:
            last, quiet = sizes, time.monotonic()
        time.sleep(0.2)


RUNS = {"file": from_file, "door": from_door, "ndjson": from_ndjson, "time": own_times,
        "memory": memory}
