#!/usr/bin/python3
"""An alerter in some forty lines of code, on link.py, from docs/protocol.md and proto/ alone:

  mkdir -p build/python && protoc -Iproto --python_out=build/python sluice/v1/sluice.proto
  PYTHONPATH=build/python scripts/run --stage alerter=docs/samples/alerter.py

It says each alert on standard output and appends it to <data>/alerter/python.ndjson, which is all
that it remembers: killed at any instant, it says the last one again at most.
"""
import json
import os

from google.protobuf.json_format import MessageToDict
from link import SECOND, Link, now, serve_health, settings_and_data

settings, data = settings_and_data()
path = os.path.join(data, "alerter", "python.ndjson")
os.makedirs(os.path.dirname(path), exist_ok=True)
file = open(path, "a+b")


def known():
    """(the cursor behind what the file has, its alerts' ids); a torn last line is cut off."""
    file.seek(0)
    lines = file.read().splitlines(keepends=True)
    whole = [json.loads(line) for line in lines if line.endswith(b"\n")]
    file.truncate(sum(len(line) for line in lines if line.endswith(b"\n")))
    return max((int(alert["cursor"]) for alert in whole), default=0), {a["alert_id"] for a in whole}


def deliver(alert):
    print(f"ALERT {alert.severity} {alert.kind}: {alert.title}: {alert.text}", flush=True)
    said = MessageToDict(alert, preserving_proto_field_name=True)
    file.write(json.dumps(said).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


cursor, ids = known()
link = Link("ROLE_ALERTER", f"ipc://{data}/run/auditor.sock", connects=True)
serve_health(settings, "alerter", lambda: bool(link.peers))
ask_at = 0
while True:
    for peer, kind, it in link.hear(200):
        if kind == "alert" and it.alert_id not in ids:
            deliver(it)
            ids.add(it.alert_id)
        elif kind == "followed":
            cursor, ask_at = it.cursor if it.cursor >= cursor else 0, 0 if it.more else ask_at
    if link.peers and now() >= ask_at:
        ask_at = now() + SECOND
        link.tell_all(follow={"after": cursor, "max": 100})
