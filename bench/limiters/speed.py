"""Decisions a second on one redis-server, and what each costs its one core: bare scripts by
redis-benchmark, a plain GCRA and the store's own decision by Sluice's own client, contestants from npm
by theirs. A plain GCRA by the same client goes beside each, in turns."""

import contextlib
import csv
import io
import json
import os
import resource
import statistics
import subprocess

from harness import BIN
from limiters.contestants import HERE
from measuring import npm
from limiters.servers import redis_server
from redis_server import RedisServer

KEYS = 100_000
UNDER_WAY = 256
WORDS = {"gcra": ["3"], "token_bucket": ["3"], "fixed_window": [], "sliding_log": []}
WINDOW_US = "60000000"
ROUNDS = 3


def output(*command, **options):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          check=True, **options).stdout


def core_us(redis):
    """What the redis-server used so far, in microseconds of CPU."""
    said = output("redis-cli", "-s", redis, "INFO", "cpu")
    used = dict(line.split(":") for line in said.split() if ":" in line)
    return 1e6 * (float(used["used_cpu_user_main_thread"]) + float(used["used_cpu_sys_main_thread"]))


def costs(redis, count, run):
    """(decisions a second, microseconds of Redis's core for one, of the client's), run() saying the
    first, or all, where it has more to do than decide."""
    core, client = core_us(redis), resource.getrusage(resource.RUSAGE_CHILDREN)
    said = run()
    if isinstance(said, tuple):
        return said
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - client.ru_utime - client.ru_stime
    return said, (core_us(redis) - core) / count, 1e6 * spent / count


def bare(redis, script, count, connections=8):
    """By redis-benchmark."""
    sha, words = script
    said = output("redis-benchmark", "-s", redis, "-c", str(connections), "-P",
                  str(UNDER_WAY // connections), "-n", str(count), "-r", str(KEYS), "--csv",
                  "EVALSHA", sha, "1", sha[:4] + ":__rand_int__", *words)
    return float(list(csv.DictReader(io.StringIO(said)))[0]["rps"])


def by_sluice(redis, count):
    """A plain GCRA by Sluice's client, on its one connection."""
    said = json.loads(output(f"{BIN}/bench-redis-client", f"unix://{redis}",
                             os.path.join(HERE, "lua", "gcra.lua"), str(count), str(UNDER_WAY),
                             "10", WINDOW_US, *WORDS["gcra"]))
    return count / said["seconds"]


def of_store(url, count, a_second=0, rounds=0):
    """The store's own decision, over full logs of ten slots of 1,000 keys; a plain GCRA beside it where
    it is paced."""
    return json.loads(output(f"{BIN}/bench-redis-decide", url, os.path.join(HERE, "lua", "gcra.lua"),
                             str(count), str(UNDER_WAY), str(a_second), str(rounds),
                             "10", WINDOW_US, *WORDS["gcra"]))


def decided(redis, count):
    said = of_store(f"unix://{redis}", count)
    return count / said["seconds"], said["core_us"] / count, said["cpu_us"] / count


def latency(a_second=2000, rounds=10):
    """Microseconds from a call of Sluice's client to its answer, over TCP on the loopback."""
    with contextlib.closing(RedisServer()) as server:
        return {"a_second": a_second,
                **of_store(f"redis://127.0.0.1:{server.listen()}", 0, a_second, rounds)}


def by_library(redis, home, name, count=0):
    return output("node", os.path.join(HERE, "speed.cjs"), home, redis, name, str(count))


def in_turns(redis, runs):
    """{name: its figures}: the median of the rounds; `ratio` is its decisions a second, and a core's,
    over those of "gcra" in the same round. runs: {name: (how many, run)}."""
    found = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, (count, run) in runs.items():
            output("redis-cli", "-s", redis, "FLUSHALL")
            found[name].append(costs(redis, count, run))
    middle = statistics.median
    return {name: {"per_second": middle(one[0] for one in said),
                   "core_us": middle(one[1] for one in said),
                   "client_us": middle(one[2] for one in said),
                   "ratio": middle(one[0] / of[0] for one, of in zip(said, found["gcra"])),
                   "core_ratio": middle(of[1] / one[1] for one, of in zip(said, found["gcra"]))}
            for name, said in found.items()}


def scripts(redis, home):
    """{name: (its digest, its arguments)}."""
    texts = {name: (open(os.path.join(HERE, "lua", f"{name}.lua"), encoding="utf-8").read(),
                    ["10", WINDOW_US, *more]) for name, more in WORDS.items()}
    if home:
        texts["rate-limiter-flexible"] = (by_library(redis, home, "script"),
                                          ["1", "60", "10", "60"])
    return {name: (output("redis-cli", "-s", redis, "SCRIPT", "LOAD", text).strip(), words)
            for name, (text, words) in texts.items()}


def measure(folder, count=300_000, with_npm=True):
    """{"bare": figures of scripts, "node": those of libraries, "skipped": why there are none}."""
    home, why = npm.packages(HERE, folder) if with_npm else (None, "not asked for")
    with redis_server() as redis:
        known = scripts(redis, home)
        runs = {name: (count, lambda script=script: bare(redis, script, count))
                for name, script in known.items()}
        runs["gcra, 1 connection"] = (count, lambda: bare(redis, known["gcra"], count, 1))
        runs["gcra, Sluice's client"] = (count, lambda: by_sluice(redis, count))
        runs["the store's decision"] = (count, lambda: decided(redis, count))
        found = {"bare": in_turns(redis, runs)}
        if not home:
            found["skipped"] = why
        else:
            found["node"] = in_turns(redis, {
                name: (made, lambda name=name, made=made: made / float(
                    by_library(redis, home, name, made)))
                for name, made in {"gcra": count // 3, "rate-limiter-flexible": count // 3,
                                   "bullmq": count // 15}.items()})
        return found


KINDS = {"bare": f"scripts by redis-benchmark: {UNDER_WAY} calls under way, {KEYS:,} keys",
         "node": "by Node with ioredis 6.0.0; BullMQ: a job added, taken, completed"}


def text(found):
    lines = []
    for kind in [kind for kind in KINDS if kind in found]:
        said = found[kind]
        lines += [KINDS[kind], f"{'':<26}{'a second':>11} {'of gcra':>8} {'us of Redis':>12} "
                  f"{'a second a core':>16} {'of gcra':>8} {'us of client':>13}"]
        lines += [f"  {name:<24}{one['per_second']:11,.0f} {one['ratio']:8.2f} {one['core_us']:12.2f} "
                  f"{1e6 / one['core_us']:16,.0f} {one['core_ratio']:8.2f} {one['client_us']:13.2f}"
                  for name, one in said.items()]
    if "latency" in found:
        said = found["latency"]
        lines += [f"at {said['a_second']:,} a second over TCP, us: p50, p99"]
        lines += [f"  {name:<24}{said[kind + '_p50']:11,.0f} {said[kind + '_p99']:8,.0f}" for kind, name in
                  (("bare", "ECHO"), ("script", "gcra"), ("decide", "the store's decision"))]
    if "skipped" in found:
        lines.append(f"skipped what comes from npm: {found['skipped']}")
    return "\n".join(lines)
