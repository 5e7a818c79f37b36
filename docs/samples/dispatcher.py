#!/usr/bin/python3
"""A dispatcher in some fifty lines of code, on link.py, from docs/protocol.md and proto/ alone:

  mkdir -p build/python && protoc -Iproto --python_out=build/python sluice/v1/sluice.proto
  PYTHONPATH=build/python scripts/run --stage dispatcher=docs/samples/dispatcher.py

It keeps what that page asks of a dispatcher, over plain HTTP and one attempt at a time: its credit
is 1. It has no breaker and no credentials. On SIGTERM it just ends: that is allowed at any instant.
"""
import contextlib
import http.client

from link import SECOND, Link, connected, held, now, serve_health, settings_and_data

settings, data = settings_and_data()
hosts = {one["name"]: one["url"].removeprefix("http://") for one in settings["upstream"]}
table, done, closed = {}, set(), {}  # attempt: (outcome, lease's end); completed; until when


def may_start(it):
    """Surely before start_by, by a round trip younger than 5 s, and nothing has closed its key."""
    shut = max(closed.get((it.upstream, key), 0) for key in (it.key, ""))
    return link.knows_time() and link.latest() < it.start_by_us and now() >= shut


def patience(it):
    """Seconds: it ends before its deadline; an older limiter names none."""
    left = (it.deadline_us - link.latest()) / SECOND if it.deadline_us else 2
    return max(0.001, min(2, left))


def attempt(it, out):
    """One connection, at most one send. Whenever this ends, what stands in `out` is true."""
    line = connected(hosts[it.upstream], patience(it))
    out["not_started"] = "NOT_STARTED_TOO_LATE"
    if may_start(it):
        out.update(ended="ENDED_UNKNOWN", not_started="NOT_STARTED_NONE")
        fields = {field.name: field.value for field in it.request.headers}
        fields["Idempotency-Key"] = it.idempotency_key
        line.request(it.request.method, it.request.path, it.request.body, fields)
        answer = line.getresponse()
        status, wait = answer.status, answer.getheader("Retry-After", "")
        out.update(status=status, answered_at_us=link.latest(), told_to_wait=wait.isdigit(),
                   retry_after_us=int(wait) * SECOND if wait.isdigit() else 0)
        warned = status == 429 or (wait and status in (403, 503))
        again = status in (408, 409, 425) or status >= 500
        out["ended"] = ("ENDED_DELIVERED" if 200 <= status <= 299 else "ENDED_THROTTLED" if warned
                        else "ENDED_FAILED" if again else "ENDED_REFUSED")


def enter(kind, it):
    """Makes the attempt; one that is only asked about was never seen, and never will be made."""
    out = {"attempt": it.attempt, "upstream": it.upstream, "key": it.key,
           "ended": "ENDED_NOT_STARTED", "not_started": "NOT_STARTED_NEVER_SEEN"}
    if kind == "dispatch":
        out["not_started"] = "NOT_STARTED_CONNECT"
        with contextlib.suppress(OSError, http.client.HTTPException):
            attempt(it, out)
    if out["ended"] == "ENDED_THROTTLED":
        closed[it.upstream, it.key] = now() + (out["retry_after_us"] or 60 * SECOND)
        link.tell_all(penalty={name: out[name] for name in (
            "upstream", "key", "told_to_wait", "retry_after_us")})
    return out, it.lease_end_us


def facts(peer):
    """Each second: what nobody has completed is said again; and the credit, and what is held."""
    for name in [name for name in done if link.earliest() > table[name][1]]:
        done.remove(name), table.pop(name)
    for name in table.keys() - done:
        link.tell(peer, outcome=table[name][0])
    return {"credits": [{"upstream": name, "window": 1, "why": "WAIT_NONE"} for name in hosts],
            **held(table.keys() - done)}


link = Link("ROLE_DISPATCHER", f"ipc://{data}/run/dispatcher.sock", facts=facts)
serve_health(settings, "dispatcher", link.knows_time)
while True:
    for peer, kind, it in link.hear(1000):
        name = it.key if kind == "recall" else (it.attempt.identity, it.attempt.serial)
        if kind == "recall":
            closed[it.upstream, name] = now() + it.until_us - link.earliest()
        elif kind == "completed" and name in table:
            done.add(name)
        elif kind in ("dispatch", "asked"):
            table[name] = table.get(name) or enter(kind, it)
            link.tell(peer, outcome=table[name][0])
