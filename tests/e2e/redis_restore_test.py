"""A store that forgot a window longer than a closure waits for: a person has it counted again from
the auditor's trail. Arrivals are counted at the door, in every closed window."""

import subprocess
import time

from harness import BIN, EndToEnd, Recorder, eventually, request
from redis_server import RedisServer

SCALE = 0.03
N = 8
WINDOW_S = 40 * 60 * SCALE
LIMIT = f'timeout = "1s"\n[[limit]]\nupstream = "onlyfans"\nname = "long"\nn = {N}\n' \
        f'window = "40min"\nburst = {N}\n'


class Restored(EndToEnd):
    minutes = 6

    def setUp(self):
        self.redis = RedisServer()
        self.addCleanup(self.redis.close)
        self.recorder = Recorder()
        self.addCleanup(self.recorder.close)
        self.pipe = self.pipeline(url=self.recorder.url, time_scale=SCALE, redis=self.redis.url,
                                  more=LIMIT, counts={"limiter": 2})
        self.pipe.start(flags=["--fresh"])
        self.names = []

    def post(self, count):
        for _ in range(count):
            name = f"m-{len(self.names)}"
            self.accept(self.pipe, {"messageId": name, "userId": "user-7"}, Prefer="respond-async")
            self.names.append(name)

    def times(self):
        return sorted(at for at, _, _ in list(self.recorder.arrivals))

    def listed(self, *more):
        return [f"{BIN}/sluice-auditor", "attempts", "--upstream", "onlyfans", "--since", "2h",
                "--settings", self.pipe.settings, *more]

    def restore(self, *more, listing=("--keys",)):
        """(exit code, what it said) of the pipe that the runbook shows."""
        with subprocess.Popen(self.listed(*listing), stdout=subprocess.PIPE) as attempts:
            run = subprocess.run([f"{BIN}/sluice-limiter", "restore", "--settings",
                                  self.pipe.settings, *more], stdin=attempts.stdout, timeout=60,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 check=False)
            self.assertEqual(attempts.wait(60), 0)
        return run.returncode, run.stdout

    def why(self):
        for limiter in ("limiter", "limiter-2"):
            answer = request(self.pipe.health(limiter), "GET",
                             "/v1/explain?key=onlyfans%3Auser-7")
            if answer.status == 200:
                return answer.json()["why"]
        return None

    def test_no_window_is_over_and_what_is_left_of_it_goes(self):
        self.post(5)
        eventually("five went", lambda: len(self.times()) == 5, 20)
        eventually("they are on record", lambda: len(self.pipe.on_record("attempt")) == 5, 20)
        self.assertEqual(self.redis.cli("flushall"), "OK")
        forgot = time.monotonic()
        self.post(8)
        eventually("the closure of short windows is over", lambda: self.why() == "window_full", 90)
        self.assertEqual(len(self.times()), 5)
        code, said = self.restore()
        self.assertEqual(code, 0, said)
        self.assertIn("restored 5 arrivals (5 units) of 1 keys", said)
        self.assertIn("counts as full until", said)
        self.assertNotIn("user-7", said)
        time.sleep(2)
        self.assertEqual(len(self.times()), 5)  # it adds, and opens nothing
        code, said = self.restore("--lift", "--spare", "0", "--by", "ann", "--nothing-before")
        self.assertEqual(code, 0, said)
        self.assertIn('limit "long": as its settings say', said)
        eventually("the rest of the window goes", lambda: len(self.times()) == N, 60)
        self.assertLess(time.monotonic(), forgot + WINDOW_S)
        again = self.restore("--lift", "--spare", "0", "--nothing-before", "--keys")
        self.assertIn("onlyfans:user-7 is full until", again[1])
        self.pipe.settle(self.names, 2 * WINDOW_S)
        times = self.times()
        self.assertEqual(len(times), len(self.names))
        for end in times:
            self.assertLessEqual(sum(1 for at in times if end - WINDOW_S <= at <= end), N)
        line = eventually("who lifted it is on record", lambda: self.pipe.on_record("limits"))[-1]
        self.assertEqual(line["reason"], "by ann; restored from the trail, held by 0")

    def test_what_is_not_proved_is_not_lifted_and_keys_are_written_nowhere(self):
        self.post(1)
        eventually("it is on record", lambda: len(self.pipe.on_record("attempt")) == 1, 20)
        self.assertEqual(self.redis.cli("flushall"), "OK")
        eventually("a limiter has noticed", lambda: int(self.redis.cli("dbsize")) > 0, 20)
        code, said = self.restore("--lift")
        self.assertEqual(code, 64, said)
        self.assertIn('limit "long" cannot be lifted: the trail begins at', said)
        code, said = self.restore("--lift", "--nothing-before")
        self.assertEqual(code, 64, said)
        self.assertIn("list attempts again after that", said)
        plain = subprocess.run(self.listed(), stdout=subprocess.PIPE, check=True, timeout=60)
        self.assertNotIn(b"user-7", plain.stdout)
        with open(f"{self.pipe.folder}/kept", "wb") as file:
            code = subprocess.run(self.listed("--keys"), stdout=file, stderr=subprocess.DEVNULL,
                                  check=False, timeout=60).returncode
        self.assertEqual(code, 64)
        code, said = self.restore(listing=())
        self.assertEqual(code, 0, said)
        self.assertIn("1 of these keys are not known", said)
        broken = subprocess.run([f"{BIN}/sluice-limiter", "restore", "--settings",
                                 self.pipe.settings], input=b'{"t":"attempts"}\n', timeout=60,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual(broken.returncode, 78)
        self.assertIn(b'standard input:1: field "version": is missing', broken.stdout)
