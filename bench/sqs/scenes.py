"""What is played against a queue, and what came of it."""

import contextlib
import hashlib
import http.client
import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass

from harness import BIN, Pipeline, Recorder, die_with_parent, layout, request
from measuring import runs
from measuring.pipeline import used
from redis_server import RedisServer
from sqs.emulator import HERE, fauxqs, stub

QUEUE = "messages"
N, WINDOW_S, BURST, GUARD_S = 10, 60, 3, 1
RECEIVES_MAX = 5
LOOK_S = 0.1
PROBES, PROBES_MAX = 40, 400  # half a second apart: until the queue is empty
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@dataclass
class Scene:
    home: str   # where npm's packages are
    scale: float
    users: int
    each: int
    noisy: int
    rounds: int      # of deployments
    round_s: float   # in which each process is stopped and started once
    speed: int
    stub: bool = False     # the queue is tests/tiny_sqs, and not fauxqs
    rate: float = 2000.0   # of latency, messages a second
    seconds: float = 20.0


@contextlib.contextmanager
def queue(scene, visibility_s=30):
    """(the emulator, the queue's URL, its dead-letter queue's)"""
    with contextlib.closing(stub() if scene.stub else fauxqs(scene.home)) as aws:
        yield aws, *aws.make_queue(QUEUE, visibility_s, RECEIVES_MAX)


class OnQueue(Pipeline):
    """A Sluice that empties the queue. `bans`: of its upstream; who may send what they like are not
    banned."""

    def __init__(self, folder, aws, scale, more="", bans=True, **options):
        self.bans = bans
        self.times = os.path.join(folder, "times")  # of the upstream, once it has ended
        more += (f'[aws]\nregion = "us-east-1"\nendpoint = "{aws.url}"\n'
                f'[[queue]]\nname = "{QUEUE}"\npoll_wait = "1s"\n')
        super().__init__(folder, time_scale=scale, more=more, **options)

    def command(self, name):
        counts = ["--no-ban", f"--times-file={self.times}"]
        return super().command(name) + (counts if name == "upstream" and not self.bans else [])


@contextlib.contextmanager
def sluice(scene, aws, **options):
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder, \
            contextlib.closing(RedisServer()) as redis:
        os.environ.update(CREDENTIALS)
        made = OnQueue(folder, aws, scene.scale, redis=redis.url, **options)
        try:
            made.server = redis
            yield made
        finally:
            codes = made.stop()
            made.guard.close()
            if any(codes.values()):
                raise RuntimeError(f"ended wrongly: {codes}")


def documents(users, each):
    """As producers send them: each user's next in turn."""
    return [{"messageId": f"m-{n}-{user}", "userId": f"u-{user}", "content": "hello"}
            for n in range(each) for user in range(users)]


def alone_s(count, scale):
    """How long the meter alone takes for so many messages of one key: a burst, then evenly, and no
    more than N in each window and its guard."""
    last = 0.0
    grants = []
    for n in range(count):
        at = max(last, (n - BURST + 1) * WINDOW_S / N if n >= BURST else 0.0)
        if n >= N:
            at = max(at, grants[n - N] + WINDOW_S + GUARD_S)
        if n >= BURST:
            at = max(at, grants[n - BURST] + WINDOW_S / N)
        grants.append(at)
        last = at
    return last * scale


def until_done(count, report, is_over=lambda: False):
    """Until so many arrived, or nothing more does: seconds from the first arrival to the last."""
    first = last = time.monotonic()
    seen = 0
    while seen < count:
        time.sleep(LOOK_S)
        now = report()["arrivals"]
        if now != seen:
            first = time.monotonic() if seen == 0 else first
            seen, last = now, time.monotonic()
        idle = time.monotonic() - last
        if idle > 2 * WINDOW_S or (idle > 5 and is_over()):
            break
    return last - first


def calls_since(before, aws):
    return {name: n - before.get(name, 0) for name, n in aws.counts()["calls"].items()}


def verdict(scene, aws, dead, ended):
    """`ended`: (seconds, the sink's report, calls)"""
    seconds, report, calls = ended
    count = scene.users * scene.each
    times = {int(times): n for times, n in aws.counts()["times"].items()}
    lost = sum(aws.depth(dead))
    return {"messages": count, "arrived": report["delivered"], "dead_lettered": lost / count,
            "users_over": sum(key["fullest_window"] > N for key in report["keys"].values()),
            "fullest_window": report["fullest_window"],
            "receives_a_message": sum(n * of for n, of in times.items()) / count,
            "requests_a_message": sum(calls.values()) / count, "calls": calls, "seconds": seconds,
            "alone_seconds": alone_s(scene.each, scene.scale),
            "sent_of_allowed": min(1.0, alone_s(scene.each, scene.scale) / seconds)
            * report["delivered"] / count}


def users_by_sluice(scene):
    with queue(scene) as (aws, url, dead), sluice(scene, aws) as made:
        aws.send(url, documents(scene.users, scene.each))
        before = aws.counts()["calls"]
        made.start(flags=["--fresh"])
        seconds = until_done(scene.users * scene.each, made.report)
        calls = calls_since(before, aws)
        return verdict(scene, aws, dead, (seconds, made.report(), calls))


@contextlib.contextmanager
def sink(scene):
    """Counts, and bans nobody."""
    port, guard = layout.reserve_ports(1)
    process = subprocess.Popen(
        [f"{BIN}/sluice-upstream", f"--listen=127.0.0.1:{port}", "--no-ban", f"--n={N}",
         f"--window={WINDOW_S * scene.scale}"], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
    try:
        yield port
    finally:
        process.kill()
        process.wait()
        guard.close()


@contextlib.contextmanager
def peer(scene, way, aws, rules):
    """What others write, running: the pids of Node and Redis. `rules`: of its limiter, its queue, and
    where it sends."""
    with contextlib.closing(RedisServer()) as redis:
        settings = {"endpoint": aws.url, "redis": redis.socket, "consumers": 8, **rules}
        process = subprocess.Popen(
            ["node", "--no-warnings", os.path.join(HERE, "peers.mjs"), way, scene.home,
             json.dumps(settings)], stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        try:
            yield process.pid, redis.process.pid
        finally:
            process.kill()
            process.wait()


def reporter(port):
    return lambda: request(port, "GET", "/report", seconds=60).json()


def users_by_peer(scene, visibility_s):
    """`visibility_s` unscaled; SQS has whole seconds."""
    with queue(scene) as (aws, url, dead), sink(scene) as port:
        aws.send(url, documents(scene.users, scene.each))
        before = aws.counts()["calls"]
        rules = {"queue": url, "sink": f"http://127.0.0.1:{port}", "n": N,
                 "windowS": WINDOW_S * scene.scale,
                 "visibilityS": max(1, round(visibility_s * scene.scale))}
        with peer(scene, "throws", aws, rules):
            seconds = until_done(scene.users * scene.each, reporter(port),
                                 lambda: aws.depth(url) == (0, 0))
        calls = calls_since(before, aws)
        return verdict(scene, aws, dead, (seconds, reporter(port)(), calls))


def noisy(scene):
    """One key has very many queued; now and then a message of another key comes, until the queue is
    empty. Seconds from its receipt to its arrival."""
    with queue(scene) as (aws, url, _), contextlib.closing(Recorder()) as upstream, \
            sluice(scene, aws, url=upstream.url) as made:
        aws.send(url, [{"messageId": f"m-{n}", "userId": "noisy", "content": "again"}
                       for n in range(scene.noisy)])
        made.start(flags=["--fresh"])
        began, emptied, n = time.monotonic(), None, 0
        while n < PROBES or (emptied is None and n < PROBES_MAX):
            aws.send(url, [{"messageId": f"probe-{n}", "userId": f"quiet-{n}", "content": "one"}])
            n += 1
            time.sleep(0.5)
            if emptied is None and aws.depth(url) == (0, 0):
                emptied = time.monotonic() - began
        time.sleep(2)
        received = aws.counts()["received"]
        arrived = {json.loads(body)["messageId"]: at for at, _, body in upstream.arrivals}
        offset = time.time() - time.monotonic()
        waits = sorted(arrived[name] + offset - at / 1000 for name, at in received.items()
                       if name in arrived)
        return {"queued": scene.noisy, "probes": len(received), "arrived": len(waits),
                "emptied_after_s": emptied, "median_s": waits[len(waits) // 2],
                "longest_s": waits[-1]}


WIDE = '[[limit]]\nupstream = "onlyfans"\nn = 100000\nwindow = "1s"\n'  # a limit that does not bind


def cpu_us(pids):
    return {name: sum(used(pid)[:2]) for name, pid in pids.items()}


def paced(scene, seconds, before, after):
    """`before`, `after`: CPU of the processes."""
    spent = {name: round((after[name] - before[name]) / scene.speed, 1) for name in after}
    own = sum(value for name, value in spent.items() if name not in ("redis", "emulator"))
    return {"messages_a_second": round(scene.speed / seconds), "own_cpu_us": round(own, 1),
            "cpu_us": spent}


def speed_of_sluice(scene):
    """From the first arrival to the last, of a queue that is full; limits do not bind."""
    with queue(scene) as (aws, url, _), sluice(scene, aws, more=WIDE, bans=False) as made:
        aws.send(url, documents(scene.speed // 20, 20))
        made.start(flags=["--fresh"])
        pids = {name: made.processes[name].pid for name in layout.STAGES}
        pids |= {"redis": made.server.process.pid, "emulator": aws.process.pid}
        before = cpu_us(pids)
        seconds = until_done(scene.speed, made.report)
        return paced(scene, seconds, before, cpu_us(pids))


def speed_of_peer(scene, way):
    with queue(scene) as (aws, url, _), sink(scene) as port:
        aws.send(url, documents(scene.speed // 20, 20))
        rules = {"queue": url, "sink": f"http://127.0.0.1:{port}", "n": 1_000_000, "windowS": 60,
                 "visibilityS": 30}
        with peer(scene, way, aws, rules) as (node, redis):
            pids = {"node": node, "redis": redis, "emulator": aws.process.pid}
            before = cpu_us(pids)
            seconds = until_done(scene.speed, reporter(port))
            return paced(scene, seconds, before, cpu_us(pids))


def identity_of(user, name):
    """As lib/wire/identity.h has it."""
    parts = (QUEUE, f"onlyfans:{user}", name)
    bytes_of = b"".join(len(part).to_bytes(8, "little") + part.encode() for part in parts)
    return hashlib.sha256(bytes_of + bytes(8)).hexdigest()[:32]


def steadily(scene, aws, url):
    """Batches of ten, evenly: when each message was sent (ns of CLOCK_MONOTONIC), by its identity, and
    how many a second."""
    sent, count = {}, int(scene.rate * scene.seconds)
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", aws.port, timeout=60)) as line:
        began = time.monotonic()
        for at in range(0, count, 10):
            time.sleep(max(0.0, began + at / scene.rate - time.monotonic()))
            entries = [{"Id": str(n), "MessageBody": json.dumps(
                {"messageId": f"m-{n}", "userId": f"u-{n}", "content": "hello"})}
                for n in range(at, at + 10)]
            now = time.monotonic_ns()
            sent |= {identity_of(f"u-{n}", f"m-{n}"): now for n in range(at, at + 10)}
            aws.call("SendMessageBatch", line, QueueUrl=url, Entries=entries)
        return sent, count / (time.monotonic() - began)


def latency(scene):
    """At a steady rate: from before SendMessageBatch to the last byte of the upstream's answer."""
    with queue(scene) as (aws, url, _), sluice(scene, aws, more=WIDE, bans=False) as made:
        made.start(flags=["--fresh"])
        sent, rate = steadily(scene, aws, url)
        until_done(len(sent), made.report)
        for name in ("dispatcher", "upstream"):
            made.processes[name].terminate()
            made.processes.pop(name).wait()
        answered = runs.read_times(made.times)
        took = [answered[name][1] - at for name, at in sent.items()]
        return {"messages": len(took), "messages_a_second": round(rate), **runs.quantiles(took)}


def deployments(scene):
    """Each process is stopped in order and started again once a round, under a steady load."""
    with queue(scene) as (aws, url, dead), \
            sluice(scene, aws, counts={"limiter": 3, "dispatcher": 2}) as made:
        made.start(flags=["--fresh"])
        stages = made.names()[1:] * scene.rounds
        sent, due = 0, time.monotonic()
        for name in stages:
            more = [{"messageId": f"m-{n}", "userId": f"u-{n % 50}", "content": "hello"}
                    for n in range(sent, sent + 40)]
            aws.send(url, more)
            sent += len(more)
            made.processes[name].terminate()
            code = made.processes[name].wait(60)
            if code:
                raise RuntimeError(f"{name} ended with {code}")
            made.start(name)
            due += scene.round_s * scene.rounds / len(stages)
            time.sleep(max(0.0, due - time.monotonic()))
        until_done(sent, made.report)
        report = made.report()
        return {"messages": sent, "arrivals": report["arrivals"], "delivered": report["delivered"],
                "duplicates": report["duplicates"]["total"], "over": report["over"],
                "dead_lettered": sum(aws.depth(dead)), "left": aws.depth(url),
                "received_so_often": aws.counts()["times"]}
