"""A 429 with Retry-After that one of two dispatchers reads closes the key everywhere (P7), and goes
on doing so when every process is killed in the middle."""

import json
import threading
import time

import harness
from harness import EndToEnd, Pipeline, eventually, request
from supervise import layout

CLOSED = ("penalty", "backoff")
WAIT_S = 12  # for once a real one: nothing here is scaled
KEYS = [f"quiet-{number}" for number in range(8)]


class Two(Pipeline):
    """With a second dispatcher, which the limiter gives every second attempt or so."""

    def __init__(self, folder, **options):
        run = f"ipc://{folder}/data/run/"
        stages = {"limiter": [f'dispatchers = ["{run}dispatcher.sock", "{run}dispatcher-other.sock"]']}
        super().__init__(folder, stages=stages, **options)

    def names(self):
        return [*super().names(), "other"]

    def health(self, name):
        return self.port + layout.UPSTREAM if name == "other" else super().health(name)

    def command(self, name):
        if name != "other":
            return super().command(name)
        return [f"{harness.BIN}/sluice-dispatcher", "--settings", self.settings, "--instance=other",
                f"--health_listen=127.0.0.1:{self.health(name)}"]

    def stop(self):
        codes = super().stop()
        other = self.processes.pop("other", None)
        if other is not None:
            other.terminate()
            codes["other"] = other.wait(40)
        return codes

    def delivered_by(self, name):
        """How many attempts of that dispatcher were answered well."""
        text = request(self.health(name), "GET", "/metrics").body.decode()
        start = 'sluice_attempts_total{ended="delivered"} '
        return sum(float(line[len(start):]) for line in text.splitlines() if line.startswith(start))


class RetryAfter(EndToEnd):
    minutes = 4

    def setUp(self):
        self.warned_at, self.spans, self.lock = None, [], threading.Lock()
        recorder = self.recorder(self.act)
        more = ('in_flight_per_key = 1\n[[limit]]\nupstream = "onlyfans"\nn = 40\nwindow = "60s"\n'
                'burst = 20\n')
        scratch = self.enterContext(harness.tempfile.TemporaryDirectory(prefix="sluice-"))
        self.pipeline = Two(scratch, url=recorder.url, time_scale=1.0, more=more)
        self.addCleanup(self.end, self.pipeline)
        self.pipeline.start()

    def act(self, door, body):
        """The first of the key is warned; of all others is remembered from when until when they
        were here."""
        document, began = json.loads(body), time.monotonic()
        time.sleep(0.2)
        if document["userId"] != "loud":
            return None
        with self.lock:
            first = self.warned_at is None
            if first:
                self.warned_at = time.monotonic()
        if first:
            door.reply(429, Retry_After=str(WAIT_S))
            return True
        door.reply(200)
        self.spans.append((began - self.warned_at, time.monotonic() - self.warned_at))
        return True

    def send(self, names, key):
        for name in names:
            self.accept(self.pipeline, {"messageId": name, "userId": key})

    def expect_closed_then_slowly_open(self):
        self.pipeline.settle(self.loud, 120)
        spans = sorted(self.spans)
        self.assertEqual(len(spans), len(self.loud))
        self.assertGreaterEqual(spans[0][0], WAIT_S)
        overlaps = [later for earlier, later in zip(spans, spans[1:]) if later[0] < earlier[1]]
        self.assertEqual(overlaps, [], "one attempt at a time")

    def warn(self):
        self.loud = [f"loud-{number}" for number in range(6)]
        self.send(self.loud[:3], "loud")
        eventually("the warning", lambda: self.warned_at, 20)
        self.send(self.loud[3:], "loud")

    def test_closes_the_key_in_every_process(self):
        self.warn()
        sent = []
        while time.monotonic() < self.warned_at + WAIT_S - 4:  # both have other work all the time
            sent += [f"{key}-{len(sent)}" for key in KEYS]
            for name in sent[-len(KEYS):]:
                self.send([name], name)
            self.pipeline.settle(sent[-len(KEYS):], 10)
        self.assertEqual(self.spans, [])
        for name in ("dispatcher", "other"):
            self.assertGreater(self.pipeline.delivered_by(name), 0, name)
        self.expect_closed_then_slowly_open()

    def test_also_when_everything_is_killed(self):
        self.warn()
        time.sleep(2)
        for name in self.pipeline.names():
            self.pipeline.kill(name)
        self.pipeline.start()
        self.expect_closed_then_slowly_open()


class Reopening(EndToEnd):
    """A tenth of the time: a window of 3 s, N = 16. After the warning: one attempt at a time until
    one succeeds, N/2 in the window from then on, and N/8 more in each one after it."""

    minutes = 3
    WINDOW_S, N = 3.0, 16

    def setUp(self):
        self.warned_at, self.spans = None, []
        recorder = self.recorder(self.act)
        more = (f'in_flight_per_key = 4\n[[limit]]\nupstream = "onlyfans"\nn = {self.N}\n'
                'window = "30s"\nburst = 16\n')
        self.pipe = self.pipeline(url=recorder.url, more=more).start()

    def act(self, door, body):
        """The first is warned; of the others is remembered from when until when they were here."""
        began = time.monotonic()
        if self.warned_at is None:
            self.warned_at = began
            door.reply(429, Retry_After="2")
            return True
        time.sleep(0.02)
        self.spans.append((began, time.monotonic()))  # before anybody can know of the answer
        door.reply(200)
        return True

    def send(self, count):
        """The first alone, until its warning is known: the others are not under way by then."""
        names = [f"m-{number}" for number in range(count)]
        self.post(names[:1])
        eventually("the warning", lambda: self.warned_at)
        eventually("the key is closed", lambda: self.state_of(names[0]).get("why") in CLOSED)
        self.post(names[1:])
        return names

    def post(self, names):
        for name in names:
            answer = self.pipe.post({"messageId": name, "userId": "k"}, Prefer="respond-async")
            self.assertEqual(answer.status, 202, answer)

    def state_of(self, name):
        return json.loads(request(self.pipe.port, "GET", f"/v1/messages/{name}").body)

    def arrivals(self):
        return sorted(began for began, _ in self.spans)

    def expect_slow(self, names):
        self.pipe.settle(names, 60)
        spans = sorted(self.spans)
        self.assertEqual(len(spans), len(names))
        self.assertGreaterEqual(spans[0][0] - self.warned_at, 2)
        self.assertGreaterEqual(spans[1][0], spans[0][1], "the second waits for a success")
        proven, arrivals = spans[0][1], self.arrivals()
        for at in arrivals:  # in each closed window that ends with an arrival
            grown = int((at - proven) // self.WINDOW_S) if at > proven else 0
            most = min(self.N, self.N // 2 + self.N // 8 * grown)
            within = sum(1 for other in arrivals if at - self.WINDOW_S <= other <= at)
            self.assertLessEqual(within, most, f"{at - proven:.3f} s after it reopened")
        early = sum(1 for at in arrivals if at < proven + self.WINDOW_S)
        self.assertEqual(early, self.N // 2)

    def test_half_first_and_an_eighth_more_each_window(self):
        names = self.send(40)
        self.expect_slow(names)

    def test_also_when_everything_is_killed_while_it_reopens(self):
        names = self.send(24)
        eventually("it reopens", lambda: len(self.spans) >= 3, 30)
        for name in self.pipe.names():
            self.pipe.kill(name)
        self.pipe.start()
        self.pipe.settle(names, 120)
        arrivals = self.arrivals()
        proven = arrivals[0]
        early = [at for at in arrivals if at < proven + self.WINDOW_S]
        self.assertLessEqual(len(early), self.N // 2)
