"""scripts/run --demo: 500 messages of 50 users through everything, and a table of how it went."""

import contextlib
import glob
import http.client
import json
import os
import subprocess
import tempfile
import time

from supervise import layout, several

SAMPLES = os.path.join(layout.ROOT, "docs", "samples", "messages.ndjson")
UNSEEN = "not ours to see"
SECONDS_MAX = 170  # the demo ends by itself within three minutes
OVER = ("delivered", "dead", "expired", "cancelled")


def time_scale(upstream):
    """A tenth of all times; at a stranger's server their own, as the settings demand."""
    local = upstream is None or upstream.split("//")[-1].startswith(("127.", "localhost", "[::1]"))
    return 0.1 if local else 1.0


@contextlib.contextmanager
def place(parsed):
    """The demo runs beside whatever runs already: data and ports of its own unless they are told."""
    with contextlib.ExitStack() as stack:
        if parsed.demo and not parsed.settings:
            if not parsed.data:
                parsed.data = stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice-"))
            if not parsed.port:
                most = max(parsed.counts.values())
                parsed.port, guard = layout.reserve_ports(
                    layout.UPSTREAM + 1 + several.STEP * (most - 1))
                stack.enter_context(guard)
        yield


def ask(address, method, path, body=None, headers=None):
    """(status, body); (0, b"") while nobody answers, for example after a kill."""
    try:
        connection = http.client.HTTPConnection(address, timeout=5)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""


def import_samples(supervisor, settings, data):
    """Into the embedded queue, by the program that a person would use; True when it was taken."""
    program = os.path.join(layout.ROOT, "build", "release", "bin", "sluice-ingest")
    run = subprocess.run([program, "import", SAMPLES, "--settings", settings, "--data-dir", data],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False,
                         stderr=subprocess.STDOUT)
    for line in run.stdout.splitlines():
        supervisor.say(line, "import")
    return run.returncode == 0


def wait_settled(supervisor, door, names, until):
    """{id: state} of all, when every message has ended or the time is over."""
    states = dict.fromkeys(names, "waiting")
    told = 0.0
    while time.monotonic() < until:
        for name in [n for n, state in states.items() if state not in OVER]:
            status, answer = ask(door, "GET", f"/v1/messages/{name}")
            if status == 0:
                break
            states[name] = json.loads(answer).get("state", "?") if status == 200 else "?"
        over = sum(state in OVER for state in states.values())
        if over == len(states):
            break
        if time.monotonic() - told > 5:
            told = time.monotonic()
            supervisor.say(f"{over} of {len(states)} have ended")
        supervisor.turn(0.5)
    return states


def run(supervisor, found, settings, limit):
    """0 only if nothing was lost, nobody banned, and no window was too full."""
    began = time.monotonic()
    with open(SAMPLES, "rb") as file:
        names = [json.loads(line)["messageId"] for line in file]
    command = supervisor.children["ingest"].command
    data = command[command.index("--data-dir") + 1]
    taken = import_samples(supervisor, settings, data)
    supervisor.say(f"{len(names)} messages of 50 users are {'accepted' if taken else 'NOT taken'}")
    states = wait_settled(supervisor, found["ingest.listen"], names, began + SECONDS_MAX)
    rows = {"messages": len(names), "delivered": 0, "dead": 0, "lost": 0}
    for state in states.values():
        rows[state if state in ("delivered", "dead") else "lost"] += 1
    rows.update(seen_by_auditor(data, limit[1]))
    rows.update(seen_at_the_door(found))
    supervisor.say(f"demo: {time.monotonic() - began:.0f} s")
    for name, value in rows.items():
        supervisor.say(f"  {name:<22}  {value}")
    good = rows["lost"] == 0 and rows["bans"] in (0, UNSEEN) \
        and rows["fullest window per key"] <= limit[0]
    supervisor.say(f"demo: nothing lost, nobody banned, no window over {limit[0]}" if good else
                   "demo: FAILED")
    return 0 if good else 1


def seen_at_the_door(found):
    """What sluice-upstream counted; it knows more than anybody's own word."""
    status, answer = ask(found["sluice-upstream"], "GET", "/report") \
        if "sluice-upstream" in found else (0, b"")
    if status != 200:
        return {}
    report = json.loads(answer)
    return {"duplicates": report["duplicates"]["total"], "bans": report["bans"],
            "fullest window per key": report["fullest_window"]}


def seen_by_auditor(data, window):
    """From the trail alone: what is certain without having been at the upstream's door."""
    attempts, by_key, unknown = {}, {}, 0
    for path in sorted(glob.glob(os.path.join(data, "auditor", "trail", "*.ndjson"))):
        with open(path, encoding="utf-8") as file:
            for line in map(json.loads, file):
                if line["t"] != "attempt" or line["ended"] == "not_started":
                    continue
                unknown += line["ended"] == "unknown"
                name = (line["key"], line["id"])
                attempts[name] = attempts.get(name, 0) + 1
                by_key.setdefault(line["key"], []).append((line["granted_at"],
                                                           line["completed_at"]))
    fullest = max((within(times, window * 1e6) for times in by_key.values()), default=0)
    return {"attempts": sum(attempts.values()), "unknown fates": unknown,
            "duplicates": sum(attempts.values()) - len(attempts),
            "fullest window per key": fullest, "bans": UNSEEN}


def within(times, window_us):
    """The most attempts that certainly were in one closed window: granted and completed in it."""
    return max(sum(granted >= start and completed <= start + window_us
                   for granted, completed in times) for start, _ in times)
