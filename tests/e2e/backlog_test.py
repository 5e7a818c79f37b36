"""20,000 messages for one key: accepted, in order, each told when it goes, and that is what the
meter's recurrence says, computed here anew; other keys do not notice, and memory is flat."""

import datetime
import http.client
import json
import os
import subprocess

from harness import BIN, EndToEnd

COUNT = 20_000
N, WINDOW_S, BURST, GUARD_S = 10, 3600, 3, 1
LIMIT = f"""
[[limit]]
upstream = "onlyfans"
n = {N}
window = "{WINDOW_S}s"
burst = {BURST}
guard = "{GUARD_S}s"
"""
US = 1_000_000
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def microseconds(text):
    at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (at - EPOCH) // datetime.timedelta(microseconds=1)


def recurrence(count, granted, answered, latency):
    """Departures: those that went already at `granted`, answered at `answered`; then each at the
    earliest time at which fewer than N of those before it count (until W + guard after their
    answers), the bucket has a token, and the one before it is answered, `latency` after it went."""
    interval = WINDOW_S * US // N
    departures, frees, full_at = [], [], 0
    for at, answer in zip(granted, answered):
        departures.append(at)
        frees.append(answer + (WINDOW_S + GUARD_S) * US)
        full_at = max(full_at, at) + interval
    while len(departures) < count:
        at = max(departures[-1], full_at - interval * (BURST - 1))
        if len(frees) >= N:
            at = max(at, frees[-N])
        if len(departures) > len(granted):
            at = max(at, departures[-1] + latency)
        departures.append(at)
        frees.append(at + latency + (WINDOW_S + GUARD_S) * US)
        full_at = max(full_at, at) + interval
    return departures


class Backlog(EndToEnd):
    minutes = 6

    def setUp(self):
        self.pipe = self.pipeline(time_scale=1, more=LIMIT)

    def rss_kib(self, name):
        with open(f"/proc/{self.pipe.processes[name].pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def check(self, stated):
        """`stated`: (place, when) of messages that waited when all before them had been accepted."""
        first = dict(stated)[BURST]
        interval = WINDOW_S * US // N
        start = first - interval  # when the first of all was granted: its token is back then
        by_place = dict(stated)
        horizon = (WINDOW_S + GUARD_S) * US
        # When the first three were answered, and how long answers take, shows where the window
        # decides; all else follows.
        answered = [by_place[N + i] - horizon for i in range(BURST)]
        latency = by_place[2 * N] - by_place[N] - horizon
        for answer in answered:
            self.assertTrue(start <= answer <= start + 30 * US, (start, answered))
        self.assertTrue(0 <= latency <= 10 * US, latency)
        granted = [start] * BURST  # the bucket was full: only how many were taken matters
        wanted = recurrence(COUNT, granted, answered, latency)
        wrong = [(place, at, wanted[place]) for place, at in stated if at != wanted[place]]
        self.assertEqual(wrong[:5], [], f"{len(wrong)} of {len(stated)} differ")

    def check_flat(self, before):
        grown = {name: self.rss_kib(name) - kib for name, kib in before.items()}
        self.assertLess(grown["limiter"], 8 * 1024, grown)
        self.assertLess(grown["ingest"], 24 * 1024, grown)

    def quiet_key(self):
        self.accept(self.pipe, {"messageId": "quiet", "userId": "quiet"})
        self.pipe.settle(["quiet"], 10)

    def arrived_in_order(self):
        ended = [f"m{i}" for i in range(BURST)]
        self.assertEqual(set(self.pipe.settle(ended, 30).values()), {"delivered"})

    def test_by_the_front_door(self):
        self.pipe.start()
        for i in range(BURST):
            self.accept(self.pipe, {"messageId": f"m{i}", "userId": "busy"})
        self.arrived_in_order()
        before = {name: self.rss_kib(name) for name in ("ingest", "limiter")}
        connection = http.client.HTTPConnection("127.0.0.1", self.pipe.port, timeout=30)
        headers = {"Content-Type": "application/json", "Prefer": "respond-async"}
        stated = []
        for i in range(BURST, COUNT):
            body = json.dumps({"messageId": f"m{i}", "userId": "busy"})
            connection.request("POST", "/v1/messages", body, headers)
            response = connection.getresponse()
            said = json.loads(response.read())
            self.assertEqual(response.status, 202, said)
            stated.append((i, microseconds(said["expected_at"])))
            self.assertEqual(said["position"], i - BURST, said)
        connection.close()
        self.check(stated)
        self.check_flat(before)
        self.quiet_key()

    def test_from_a_file(self):
        path = os.path.join(self.pipe.folder, "many.ndjson")
        with open(path, "w", encoding="utf-8") as file:
            for i in range(COUNT):
                file.write(json.dumps({"messageId": f"m{i}", "userId": "busy"}) + "\n")
        self.pipe.start()
        before = {name: self.rss_kib(name) for name in ("ingest", "limiter")}
        done = subprocess.run([f"{BIN}/sluice-ingest", "import", path, "--settings",
                               self.pipe.settings], stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
                              cwd=self.pipe.folder, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(f"{COUNT} accepted", done.stdout)
        self.arrived_in_order()
        connection = http.client.HTTPConnection("127.0.0.1", self.pipe.port, timeout=30)
        stated = []
        for i in [*range(BURST, 200), *range(200, COUNT, 37), COUNT - 1]:
            connection.request("GET", f"/v1/messages/m{i}")
            said = json.loads(connection.getresponse().read())
            self.assertEqual(said["position"], i - BURST, said)
            stated.append((i, microseconds(said["expected_at"])))
        connection.close()
        self.check(stated)
        self.check_flat(before)
        self.quiet_key()
