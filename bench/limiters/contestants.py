"""The contestants. Each is prepared once, begins for each load, and then runs it until it is
cancelled: messages are taken from the load and posted to the network as the limiter says."""

import asyncio
import contextlib
import json
import os
import random
import subprocess
import tempfile
from collections.abc import Callable
from typing import NamedTuple

from harness import Pipeline, die_with_parent
from limiters.servers import Redis, redis_server

HERE = os.path.dirname(os.path.abspath(__file__))
WORKERS = 10  # enough that the limiter decides, not they


class Posts:
    """Messages under way: whoever is cancelled leaves them to end by themselves."""

    def __init__(self, network):
        self.network, self.running = network, set()

    async def send(self, name):
        post = asyncio.ensure_future(self.network.post(name))
        self.running.add(post)
        await asyncio.shield(post)
        self.running.discard(post)

    async def end(self):
        await asyncio.gather(*self.running)


class Contestant:
    """What most need not do."""

    async def prepare(self, setting):
        pass

    async def begin(self, key, network):
        pass

    async def close(self):
        pass


class Asking(Contestant):
    """Workers that take a message, ask until they may, wait as long as they are told, and send."""

    async def run(self, key, load, network):
        posts = Posts(network)

        async def worker():
            while True:
                name = await load.take()
                while (wait_s := await self.ask(key)) > 0:
                    await asyncio.sleep(wait_s)
                await posts.send(name)

        feeding = [load.feed()] if hasattr(load, "feed") else []
        try:
            await asyncio.gather(*feeding, *(worker() for _ in range(WORKERS)),
                                 asyncio.Event().wait())
        finally:
            await posts.end()


class Script(Asking):
    """A limiter that is one Lua script, called by EVALSHA; told another n than all where one is given."""

    def __init__(self, script, *more, n=None):
        self.script, self.more, self.n = script, more, n

    async def prepare(self, setting):
        n = self.n or setting.rules.n
        self.name = ":".join(map(str, (self.script, n, *self.more)))
        self.redis = await Redis.connect(setting.redis)
        with open(os.path.join(HERE, "lua", f"{self.script}.lua"), encoding="utf-8") as file:
            self.sha = (await self.redis.command("SCRIPT", "LOAD", file.read())).decode()
        self.words = [n, round(setting.rules.window_s * 1e6), *self.more]

    async def ask(self, key):
        return await self.redis.command("EVALSHA", self.sha, 1, f"{self.name}:{key}",
                                        *self.words) / 1e6

    async def close(self):
        self.redis.close()


class Peers:
    """The Node process in which all contestants from npm live."""

    @classmethod
    async def start(cls, folder, redis, rules):
        made = cls()
        made.process = await asyncio.create_subprocess_exec(
            "node", os.path.join(HERE, "peers.cjs"), folder, redis, str(rules.n),
            str(round(rules.window_s * 1000)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            preexec_fn=die_with_parent)
        made.waiting, made.jobs, made.last = {}, {}, 0
        made.reading = asyncio.ensure_future(made._read())
        return made

    def say(self, **line):
        self.process.stdin.write(json.dumps(line).encode() + b"\n")

    async def answer(self, name, **line):
        self.waiting[name] = asyncio.get_running_loop().create_future()
        self.say(**line)
        return await self.waiting[name]

    async def _read(self):
        while line := await self.process.stdout.readline():
            said = json.loads(line)
            if "job" in said:
                self.jobs[said["job"]].put_nowait(said["name"])
            else:
                self.waiting.pop(said.get("id", said.get("working"))).set_result(said)
        raise RuntimeError(f"node ended with {await self.process.wait()}")

    async def close(self):
        self.reading.cancel()
        self.process.stdin.close()
        await self.process.wait()


class Consumer(Asking):
    """A limiter in Node that is asked before each message."""

    def __init__(self, name):
        self.name = name

    async def prepare(self, setting):
        self.peers = setting.peers

    async def ask(self, key):
        self.peers.last += 1
        said = await self.peers.answer(self.peers.last, ask=self.name, key=key, id=self.peers.last)
        return said["wait_ms"] / 1000


class Queue(Contestant):
    """BullMQ: jobs go into its queue, and its worker says when each is to be sent."""

    AHEAD = 50

    async def prepare(self, setting):
        self.peers = setting.peers

    async def begin(self, key, network):
        self.peers.jobs[key] = asyncio.Queue()
        await self.peers.answer(key, work=key)

    async def run(self, key, load, network):
        posts, jobs, room = Posts(network), self.peers.jobs[key], asyncio.Semaphore(self.AHEAD)

        async def add():
            while True:
                await room.acquire()
                self.peers.say(add=key, name=await load.take())

        async def one(name):
            room.release()
            await posts.send(name)
            self.peers.say(done=key, name=name)

        async def work():
            async with asyncio.TaskGroup() as group:
                while True:
                    group.create_task(one(await jobs.get()))

        feeding = [load.feed()] if hasattr(load, "feed") else []
        try:
            await asyncio.gather(*feeding, add(), work())
        finally:
            await posts.end()


class Sluice(Contestant):
    """A whole Sluice for each load; messages go to the front door. On the embedded store, or
    several limiters on a Redis of their own."""

    def __init__(self, **counts):
        self.counts = counts

    async def prepare(self, setting):
        self.rules, self.folder, self.pipelines = setting.rules, setting.folder, {}

    def _start(self, network):
        scratch = contextlib.ExitStack()
        folder = tempfile.mkdtemp(dir=self.folder)  # a socket's path is short
        limit = (f'[[limit]]\nupstream = "onlyfans"\nn = {self.rules.n}\nwindow = "60s"\n'
                 f"burst = {self.rules.burst}\n")
        told = {"url": f"http://127.0.0.1:{network.port}", "time_scale": self.rules.scale,
                "more": limit}
        if not self.counts:
            return Pipeline(folder, **told).start(), scratch
        redis = scratch.enter_context(redis_server())
        made = Pipeline(folder, redis=f"unix://{redis}", counts=self.counts, **told)
        return made.start(flags=["--fresh"]), scratch

    @staticmethod
    def _post(pipeline, names):
        lines = "".join(f'{{"messageId":"{name}","userId":"user-1"}}\n' for name in names)
        answer = pipeline.post(lines.encode(), Content_Type="application/x-ndjson",
                               Prefer="respond-async")
        if any(line["status"] != 202 for line in answer.lines()):
            raise RuntimeError(f"the front door refused: {answer}")

    async def begin(self, key, network):
        self.pipelines[key] = await asyncio.to_thread(self._start, network)

    async def run(self, key, load, network):
        pipeline, _ = self.pipelines[key]
        try:
            sent, began = 0, asyncio.get_running_loop().time()
            for at, count in load.groups():
                await asyncio.sleep(began + at - asyncio.get_running_loop().time())
                names = [f"m-{number}" for number in range(sent, sent + count)]
                await asyncio.to_thread(self._post, pipeline, names)
                sent += count
            await asyncio.Event().wait()
        finally:
            await self.end(key)

    async def end(self, key):
        pipeline, scratch = self.pipelines.pop(key)
        with scratch:
            codes = await asyncio.to_thread(pipeline.stop)
            pipeline.guard.close()
        if any(codes.values()):
            raise RuntimeError(f"Sluice ended wrongly: {codes}")


class Killed(Sluice):
    """Limiters and dispatchers die by kill -9, ten in a window, and start again."""

    VICTIMS = ("limiter", "dispatcher", "limiter-2", "dispatcher-2", "limiter-3")

    async def prepare(self, setting):
        await super().prepare(setting)
        self.killing = {}

    async def begin(self, key, network):
        await super().begin(key, network)
        self.killing[key] = asyncio.ensure_future(self._kill(self.pipelines[key][0]))

    async def _kill(self, pipeline):
        chance = random.Random(1)
        while True:
            await asyncio.sleep(self.rules.window_s * chance.uniform(0.05, 0.15))
            victim = chance.choice(self.VICTIMS)
            again = asyncio.ensure_future(asyncio.to_thread(pipeline.kill_and_restart, victim))
            try:
                await asyncio.shield(again)
            finally:
                await again  # whoever was killed is started, even if that was the last

    async def end(self, key):
        self.killing[key].cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.killing[key]  # or it says what went wrong
        await super().end(key)


class Entry(NamedTuple):
    title: str  # in tables and the picture
    make: Callable
    npm: bool = False
    drawn: bool = True
    usual: bool = True  # plays where nobody is named
    whole: tuple = ()  # shares of the window that must be whole seconds, else it cannot be told them


CONTESTANTS = {
    "sluice": Entry("Sluice on Redis", lambda: Sluice(limiter=3, dispatcher=2)),
    "sluice-embedded": Entry("Sluice, embedded store", Sluice, drawn=False),
    "sluice-killed": Entry("Sluice, 10 kills a window",
                           lambda: Killed(limiter=3, dispatcher=2), drawn=False, usual=False),
    "token-bucket": Entry("token bucket of 3", lambda: Script("token_bucket", 3), drawn=False),
    "token-bucket-10": Entry("token bucket of 10", lambda: Script("token_bucket", 10)),
    "gcra": Entry("GCRA, burst 3", lambda: Script("gcra", 3)),
    "gcra-7": Entry("GCRA told 7 per 60 s", lambda: Script("gcra", 3, n=7)),
    "fixed-window": Entry("fixed window", lambda: Script("fixed_window")),
    "sliding-log": Entry("sliding log of sends", lambda: Script("sliding_log")),
    "rate-limiter-flexible": Entry("rate-limiter-flexible",
                                   lambda: Consumer("rate-limiter-flexible"), True, whole=(1,)),
    "bursty": Entry("BurstyRateLimiter", lambda: Consumer("bursty"), True, whole=(1, 2 / 15)),
    "bullmq": Entry("BullMQ", Queue, True),
}
