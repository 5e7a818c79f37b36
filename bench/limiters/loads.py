"""What there is to send: always something, or now and then much at once. Who takes gets the next
message's name."""

import asyncio
import itertools
import random
from dataclasses import dataclass

BURST_MOST = 16
SEED = 1


@dataclass(frozen=True)
class Rules:
    """10 per 60 s with a burst of 3, all times scaled."""
    scale: float
    windows: int
    n: int = 10
    burst: int = 3

    @property
    def window_s(self):
        return 60 * self.scale

    @property
    def seconds(self):
        return self.windows * self.window_s


class Saturated:
    def __init__(self, rules):
        self.numbers = itertools.count()
        self.at_once = (rules.windows + 2) * rules.n  # more than any limit lets through, for a queue

    async def take(self):
        return f"m-{next(self.numbers)}"

    def groups(self):
        return [(0.0, self.at_once)]


class Bursty:
    """Groups of 1 to 16 messages, a window between two on the average: nearly what the limit lets
    through, and the same for every contestant."""

    def __init__(self, rules):
        chance, at = random.Random(SEED), 0.0
        self.made = []
        while at < rules.seconds:
            self.made.append((at, chance.randint(1, BURST_MOST)))
            at += chance.expovariate(1 / rules.window_s)
        self.waiting = asyncio.Queue()

    async def take(self):
        return await self.waiting.get()

    async def feed(self):
        numbers, began = itertools.count(), asyncio.get_running_loop().time()
        for at, count in self.made:
            await asyncio.sleep(began + at - asyncio.get_running_loop().time())
            for _ in range(count):
                self.waiting.put_nowait(f"m-{next(numbers)}")

    def groups(self):
        return self.made


LOADS = {"saturated": Saturated, "bursty": Bursty}
