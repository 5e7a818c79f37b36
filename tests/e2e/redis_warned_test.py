"""A warning of the upstream and a pause hold through FLUSHALL, and when every process is killed and the
store comes back as an old copy; other keys do not wait for it."""

import time

from harness import eventually, request
from redis_faults import SCALE, WINDOW_S, Load, OnReplicated, closed_s
from redis_server import RedisServer

OVERLAP_S = 1
N = 10
LOUD = 12


class Warned(OnReplicated):
    store_topology, overlap_s = "single", OVERLAP_S
    retry_after_s = 45  # never scaled

    def servers(self):
        self.redis = RedisServer()
        self.addCleanup(self.redis.close)

    def control(self, verb, body=None):
        answer = request(self.pipe.port, "POST", f"/v1/keys/onlyfans%3Apaused/{verb}", body)
        self.assertEqual(answer.status, 200, answer)

    def went(self, key):
        return self.pipe.report()["keys"].get(key, {}).get("arrivals", 0)

    def warn(self):
        """The first of the loud key is answered 429; the others wait behind it."""
        for n in range(LOUD):
            self.load.add("loud", **({} if n else {"behave": f"429:{self.retry_after_s}*1"}))
        eventually("the warning", lambda: self.pipe.report()["answers"].get("429") == 1, 20)
        self.warned_at = time.monotonic()

    def assert_closed(self):
        went = self.went("loud"), self.went("paused")
        self.assertLess(time.monotonic(), self.warned_at + self.retry_after_s, "too slow to tell")
        self.assertEqual(went, (1, 0))

    def others_do_not_wait(self):
        """Each goes within a second, however many wait behind the warning."""
        waits = []
        for n in range(20):
            name = self.load.add(f"other-{n}")
            began = time.monotonic()
            eventually("it goes", lambda name=name: self.pipe.state(name) == "delivered", 20)
            waits.append(time.monotonic() - began)
        self.assertLess(max(waits), 1.0, sorted(waits))
        print(f"other keys: the longest wait is {max(waits):.3f} s")

    def everything_restarts(self, store):
        names = [name for name in self.pipe.names() if name != "upstream"]
        for name in names:
            self.pipe.kill(name)
        if store:  # it forgets attempts whose dispatcher and limiter are gone: of each key one
            self.unrecorded += self.load.quiet + 1
            self.redis.kill()
            self.forgets()
            self.redis.start()
        self.pipe.start(*names)

    def reopens(self):
        eventually("it reopens", lambda: self.went("loud") > 1, self.retry_after_s + 20)
        # The warning was seen to have been given a moment after it was.
        self.assertGreaterEqual(time.monotonic(), self.warned_at + self.retry_after_s - 0.5)

    def reopens_slowly(self):
        self.reopens()
        began = time.monotonic()
        while time.monotonic() < began + WINDOW_S / 2:  # else 3 at once and 5 more
            self.assertLessEqual(self.went("loud") - 1, N // 2)
            time.sleep(0.05)

    def test_it_holds_through_everything(self):
        self.servers()
        self.open(self.redis.url)
        self.load = Load(self.pipe)
        self.goes_on("the start")
        self.assertEqual(self.redis.cli("save"), "OK")
        self.control("pause", b'{"by": "ann"}')
        for _ in range(3):
            self.load.add("paused")
        self.warn()
        self.others_do_not_wait()
        self.assert_closed()
        self.forgets()
        self.assertEqual(self.redis.cli("flushall"), "OK")
        closed = closed_s(overlap_s=OVERLAP_S)
        self.goes_on("FLUSHALL", closed + 20)
        self.assert_closed()
        self.everything_restarts(store=True)  # as it was before the warning
        self.goes_on("a restart of everything", closed + 20)
        self.assert_closed()
        self.reopens()
        self.assertEqual(self.went("paused"), 0)
        self.control("resume")
        self.all_is_well(self.load, 120)


class Restarted(Warned):
    """On a store that forgets nothing it reopens slowly, too."""

    retry_after_s = 12

    def test_it_holds_through_everything(self):
        self.servers()
        self.open(self.redis.url)
        self.load = Load(self.pipe)
        self.goes_on("the start")
        self.warn()
        self.others_do_not_wait()
        self.everything_restarts(store=False)
        self.goes_on("a restart of everything")
        self.assert_closed()
        self.reopens_slowly()
        self.all_is_well(self.load, 120)
