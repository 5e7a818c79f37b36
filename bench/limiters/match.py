"""All contestants under both loads, at the same time, each on sinks of its own; what the sinks saw."""

import asyncio
import contextlib
import tempfile
from dataclasses import dataclass

from limiters import oracle
from limiters.contestants import CONTESTANTS, HERE, Peers
from limiters.loads import LOADS, Rules
from limiters.servers import Network, Sink, redis_server
from measuring import npm

QUIET_S = 2  # after everything has started, and
APART_S = 0.25  # from one run's begin to the next: a busy machine delays first sends, and no others


@dataclass
class Setting:
    rules: Rules
    folder: str
    redis: str = ""
    peers: Peers | None = None


class Run:
    """One contestant under one load."""

    def __init__(self, contestant, name, load):
        self.contestant, self.name, self.load = contestant, name, load
        self.key = f"{name}-{load}"

    async def begin(self, setting):
        self.sink = Sink(setting.folder, self.key, setting.rules)
        self.network = await Network(self.sink, setting.rules, self.key).start()
        await self.contestant.begin(self.key, self.network)

    async def play(self, rules, after_s):
        await asyncio.sleep(after_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(rules.seconds):
                await self.contestant.run(self.key, LOADS[self.load](rules), self.network)

    def arrivals(self):
        self.network.close()
        said = self.sink.close()
        return judged(self.name, self.load, oracle.read_times(self.sink.times), said)


def judged(name, load, arrivals, said):
    """The arrivals, if both oracles agree about them."""
    window = said["window_ms"] * 1_000_000
    own = {"arrivals": len(arrivals), "fullest_window": oracle.fullest(arrivals, window),
           "over": oracle.over(arrivals, window, said["n"])}
    theirs = {what: said[what] for what in own}
    if own != theirs:
        raise RuntimeError(f"{name}, {load}: the sink counted {theirs}, its times say {own}")
    return arrivals


async def play(names, loads, setting):
    """{contestant: {load: arrivals in ns}}."""
    contestants = {name: CONTESTANTS[name].make() for name in names}
    runs = [Run(contestants[name], name, load) for name in names for load in loads]
    for contestant in contestants.values():
        await contestant.prepare(setting)
    await asyncio.gather(*(run.begin(setting) for run in runs))
    async with asyncio.TaskGroup() as group:
        for number, run in enumerate(runs):
            group.create_task(run.play(setting.rules, QUIET_S + APART_S * number))
    for contestant in contestants.values():
        await contestant.close()
    found = {name: {} for name in names}
    for run in runs:
        found[run.name][run.load] = run.arrivals()
    return found


def unfit(name, rules):
    """Why that contestant cannot be told these rules; None: it can."""
    for share in CONTESTANTS[name].whole:
        seconds = rules.window_s * share
        if seconds < 1 or abs(seconds - round(seconds)) > 1e-9:
            return f"it counts whole seconds, and would have to be told {seconds:g}"
    return None


def match(names, loads, rules, folder):
    """({contestant: {load: arrivals}}, {contestant: why it did not take part})."""
    skipped = {name: why for name in names if (why := unfit(name, rules))}
    home = None
    if any(CONTESTANTS[name].npm for name in names if name not in skipped):
        home, why = npm.packages(HERE, folder)
        skipped |= {name: why for name in names if why and CONTESTANTS[name].npm}
    there = [name for name in names if name not in skipped]

    async def all_of_it(scratch, redis):
        setting = Setting(rules, scratch, redis)
        if home:
            setting.peers = await Peers.start(home, redis, rules)
        try:
            return await play(there, loads, setting)
        finally:
            if setting.peers:
                await setting.peers.close()

    with tempfile.TemporaryDirectory(prefix="sluice-") as scratch, \
            redis_server() as redis:
        return asyncio.run(all_of_it(scratch, redis)), skipped
