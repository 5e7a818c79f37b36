"""What a run needs around it, all its own: a redis-server, sinks, a network that jitters."""

import asyncio
import contextlib
import json
import os
import random
import subprocess

from harness import BIN, die_with_parent
from redis_server import RedisServer

SLOWEST_MS = 200  # answers come after 0 to so many, evenly
STEPS = 20
JITTER_MS = 50  # each way, each piece by itself
ANSWERED_S = 1  # whoever dies while it is served: a sink keeps the times of answered requests only


@contextlib.contextmanager
def redis_server():
    """A redis-server that keeps nothing; its socket's path."""
    with contextlib.closing(RedisServer()) as server:
        yield server.socket


class RedisError(RuntimeError):
    """What Redis refused."""


class Redis:
    """One connection, one command at a time."""

    @classmethod
    async def connect(cls, path):
        made = cls()
        made.reader, made.writer = await asyncio.open_unix_connection(path)
        made.alone = asyncio.Lock()
        return made

    async def command(self, *words):
        parts = [str(word).encode() for word in words]
        frame = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        async with self.alone:
            self.writer.write(b"*%d\r\n%s" % (len(parts), frame))
            return await self._reply()

    async def _reply(self):
        line = (await self.reader.readuntil(b"\r\n"))[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else (await self.reader.readexactly(int(rest) + 2))[:-2]
        if kind == b"*":
            return [await self._reply() for _ in range(int(rest))]
        return rest

    def close(self):
        self.writer.close()


class Sink:
    """A sluice-upstream that counts one key's arrivals and bans nobody, so that all are seen."""

    def __init__(self, folder, name, rules):
        self.times, self.said = (os.path.join(folder, f"{name}.{kind}") for kind in ("times", "report"))
        delays = [max(1, round(SLOWEST_MS * rules.scale * (step + 0.5) / STEPS))
                  for step in range(STEPS)]
        self.process = subprocess.Popen(
            [f"{BIN}/sluice-upstream", "--listen=127.0.0.1:0", "--no-ban", f"--n={rules.n}",
             f"--window={rules.window_s}", f"--times-file={self.times}",
             f"--report-file={self.said}"]
            + [f"--behave=slow:{delay}={1 / STEPS}" for delay in delays],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        self.port = int(self.process.stdout.readline().rpartition(":")[2])

    def close(self):
        """What it counted."""
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        with open(self.said, encoding="utf-8") as file:
            return json.load(file)


class Network:
    """The way to a sink: each piece of bytes is held for a while, in both directions; the order on a
    connection stays."""

    def __init__(self, sink, rules, seed):
        self.sink, self.chance = sink, random.Random(seed)
        self.most_s = JITTER_MS * rules.scale / 1000
        self.server, self.port = None, None

    async def start(self):
        self.server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def _carry(self, reader, writer):
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.sink.port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pass_on(reader, back, ANSWERED_S), self._pass_on(there, writer))

    async def _pass_on(self, reader, writer, after_s=0.0):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await asyncio.sleep(self.chance.uniform(0, self.most_s))
                writer.write(data)
                await writer.drain()
        await asyncio.sleep(after_s)
        writer.close()

    async def post(self, name):
        """Sends one message and waits for its answer."""
        body = json.dumps({"messageId": name, "userId": "user-1"}).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: sink\r\nIdempotency-Key: %s\r\nContent-Length: %d\r\n"
                     b"Connection: close\r\n\r\n%s" % (name.encode(), len(body), body))
        status = (await reader.read()).split(b" ", 2)[1:2]
        writer.close()
        if status != [b"200"]:
            raise RuntimeError(f"the sink answered {status} to {name}")

    def close(self):
        self.server.close()
