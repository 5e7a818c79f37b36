"""A 429 with Retry-After that one of two dispatchers reads closes the key everywhere (P7), and goes
on doing so when every process is killed in the middle."""

import json
import threading
import time

import harness
from harness import EndToEnd, Pipeline, eventually, request
from supervise import layout

WAIT_S = 12  # for once a real one: nothing here is scaled
KEYS = [f"quiet-{number}" for number in range(8)]


class Two(Pipeline):
    """With a second dispatcher, which the limiter gives every second attempt or so."""

    def __init__(self, folder, **options):
        run = f"ipc://{folder}/data/run/"
        stages = {"limiter": [f'dispatchers = ["{run}dispatcher.sock", "{run}other.sock"]']}
        super().__init__(folder, stages=stages, **options)

    def names(self):
        return [*super().names(), "other"]

    def health(self, name):
        return self.port + layout.UPSTREAM if name == "other" else super().health(name)

    def command(self, name):
        if name != "other":
            return super().command(name)
        return [f"{harness.BIN}/sluice-dispatcher", "--settings", self.settings, "--instance=other",
                f"--data_dir={self.folder}/other",
                f"--listen=ipc://{self.data}/run/other.sock",
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
