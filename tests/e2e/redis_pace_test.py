"""200 messages of one key at 10 per 6 s on Redis: each is told its departure when it is accepted, and
goes then; all together take what the meter's recurrence says."""

import datetime
import json
import time

from harness import EndToEnd
from redis_server import RedisServer

COUNT, N, WINDOW_S, BURST, GUARD_S = 200, 10, 6.0, 3, 0.1
LATENCY_S = 0.05


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def departures(latency):
    """Each at the earliest time at which fewer than N of those before it count (until W + guard after
    their answers), the bucket has a token, and the one before it is answered."""
    interval = WINDOW_S / N
    found, full_at = [], 0.0
    for n in range(COUNT):
        at = max(0.0, full_at - interval * (BURST - 1))
        if n:
            at = max(at, found[-1] + latency)
        if n >= N:
            at = max(at, found[n - N] + latency + WINDOW_S + GUARD_S)
        found.append(at)
        full_at = max(full_at, at) + interval
    return found


class Pace(EndToEnd):
    minutes = 5

    def setUp(self):
        self.redis = RedisServer()
        self.addCleanup(self.redis.close)
        self.arrived = {}
        more = f'[[limit]]\nupstream = "onlyfans"\nn = {N}\nwindow = "60s"\nburst = {BURST}\n'
        self.pipe = self.pipeline(url=self.recorder(self.act).url, redis=self.redis.url,
                                  counts={"limiter": 3, "dispatcher": 2}, more=more)
        self.pipe.start(flags=["--fresh"])

    def act(self, _door, body):
        self.arrived.setdefault(json.loads(body)["messageId"], []).append(time.time())
        time.sleep(LATENCY_S)

    def learn(self):
        """How long answers take, from other keys."""
        for n in range(40):
            self.accept(self.pipe, {"messageId": f"w-{n}", "userId": f"quiet-{n}"})
            self.pipe.settle([f"w-{n}"], 20)
        self.arrived.clear()

    def test_as_the_meter_says(self):
        self.learn()
        told = {}
        for n in range(COUNT):
            answer = self.accept(self.pipe, {"messageId": f"m-{n}", "userId": "busy"},
                                 Prefer="respond-async")
            told[f"m-{n}"] = (time.time(), seconds(answer.json()["expected_at"]))
        states = self.pipe.settle(list(told), 200)
        self.assertEqual(set(states.values()), {"delivered"})
        self.assertEqual({len(times) for times in self.arrived.values()}, {1})
        wrong, latest = [], 0.0
        for name, (asked, expected) in told.items():
            late = self.arrived[name][0] - expected
            latest = max(latest, late)
            if late < 0 or late > max(1.0, 0.02 * (expected - asked)):
                wrong.append((name, round(expected - asked, 3), round(late, 3)))
        times = sorted(times[0] for times in self.arrived.values())
        took, due = times[-1] - times[0], departures(LATENCY_S)[-1]
        print(f"took {took:.3f} s, the meter says {due:.3f} s; the latest was {latest:.3f} s late; "
              f"wrong: {wrong}")
        self.assertEqual(wrong[:10], [], f"{len(wrong)} of {COUNT}")
        self.assertLessEqual(took, 1.03 * due)
