"""After a closure a limiter says which stores of ingests have not announced, where a person looks, and
waits for them."""

import time

from harness import eventually
from redis_test import CLOSED_S, OnRedis
from two_ingests import SECOND, TwoIngests

AWAITED = "these stores of ingests have not announced: ingest-2"
SAID_S = 60 + 10  # after a minute, when it is looked at next; not scaled


class Awaited(OnRedis):
    kind = TwoIngests

    def test_it_is_named_and_waited_for(self):
        self.make(counts={"limiter": 2}, stages={
            "limiter": ['ingest_stores = ["ingest-1", "ingest-2"]']})
        self.pipe.start(*(name for name in self.pipe.names() if name != SECOND),
                        flags=["--fresh"])
        self.post(keys=1, each=25)
        eventually("some went", lambda: self.arrivals() >= 6, 20)
        began = time.monotonic()
        self.assertEqual(self.redis.cli("flushall"), "OK")
        limiters = [name for name in self.pipe.names() if name.startswith("limiter")]
        owner = next(name for name in limiters if self.explained(name))
        eventually("it is explained", lambda: self.explained(owner)["awaited"] == ["ingest-2"], 20)
        eventually("the log says that it is closed", lambda: "as the store is new or may have "
                   "forgotten what was sent" in self.pipe.log(owner), 15)
        before = self.arrivals()
        for name in limiters:
            eventually(f"{name} is not ready, and says why",
                       lambda name=name: AWAITED in self.pipe.unready(name), SAID_S + 20)
            self.assertIn("these stores of ingests have announced: start them, or take out of "
                          "ingest_stores (SIGHUP) what is gone for good awaited=ingest-2",
                          self.pipe.log(name))
        self.assertGreater(time.monotonic(), began + 2 * CLOSED_S)
        self.assertEqual(self.arrivals(), before)
        self.pipe.start(SECOND)
        self.pipe.wait_ready(*limiters)
        self.assert_all_went(60, duplicates=3)
        eventually("the log says that it is open", lambda: "no message waits any more for the store "
                   "to open" in self.pipe.log(owner), 15)
