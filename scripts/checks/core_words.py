"""Time, chance and the world are arguments of a core; and no code of ours starts a thread."""

import re

from checks.include_rules import core_files
from checks.sources import STAGES

# What no core says. `now` as a name is its argument; `now()` would be a clock.
IN_CORES = re.compile(
    r"\bnow\s*\(|\bs?rand\s*\(|\brandom_device\b|\bmt19937|\bgetenv\b|\bu?sleep\w*\s*\(|\bthread\b"
    r"|\bmutex\b|\batomic\b|\bspdlog\b|\bSPDLOG_\w+|\bstd::c(?:out|err|log)\b|\bf?printf\s*\("
    r"|\bLOG\w*\s*\(|\blog\s*\(|\b(?:system|steady)_clock\b|\bclock_gettime\b|\btime\s*\(")
THREADS = re.compile(
    r"\bstd::j?thread\b|\bstd::async\b|\bpthread_create\b|\bthrd_create\b|\bspdlog::async\w*"
    r"|\bMHD_USE_(?:AUTO_)?INTERNAL_POLLING_THREAD\b|\bMHD_USE_THREAD_PER_CONNECTION\b"
    r"|\bMHD_USE_AUTO\b|\bMHD_OPTION_THREAD_POOL_SIZE\b|\bcurl_easy_perform\b")


def check_cores(tree):
    names = [n for stage in STAGES for n in core_files(tree, stage)]
    names += [n for n in tree.cpp("lib/wire") if not n.endswith("codec.cc")]
    return _found(tree, names, IN_CORES, "no core says")


def check_threads(tree):
    names = [n for n in tree.cpp()
             if not n.startswith("tests/") or n.startswith(("tests/sim/", "tests/upstream/"))]
    return _found(tree, names, THREADS, "no code of ours starts a thread or blocks the loop:")


def _found(tree, names, pattern, why):
    problems = []
    for name in names:
        for number, line in enumerate(tree.code(name).splitlines(), 1):
            match = pattern.search(line)
            if match:
                problems.append(f"{name}:{number}: {why} `{match.group(0).strip()}`")
    return problems
