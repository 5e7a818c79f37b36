"""clang-format-14 and clang-tidy-14 over our sources, in parallel; tidy remembers what was clean."""

import hashlib
import os
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor

FORMAT = "clang-format-14"
TIDY = "clang-tidy-14"
# Most of clang-tidy's time goes into headers that all sources of a target include: looked at
# together they are read once.
BUNDLE = 12
NAMES_A_FILE = ("-o", "-MT", "-MF")


def check_format(tree):
    names = tree.cpp()
    if not names:
        return []
    run = subprocess.run([FORMAT, "--dry-run", "--Werror", "--style=file"] + names, cwd=tree.root,
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    found = [line for line in run.stderr.splitlines() if ": error:" in line]
    return found or ([run.stderr.strip()] if run.returncode else [])


def check_tidy(tree, jobs=None):
    """Problems of every bundle of sources that was not clean with exactly these bytes before."""
    known = os.path.join(os.path.dirname(tree.compile_commands), "tidy-clean")
    os.makedirs(known, exist_ok=True)
    todo = {}
    for flags, names in _bundles(tree):
        stamp = os.path.join(known, _stamp(tree, flags, names))
        if not os.path.exists(stamp):
            todo[stamp] = (flags, names)

    def look(stamp):
        found = _look(tree, known, *todo[stamp])
        if not found:
            open(stamp, "w", encoding="utf-8").close()
        return found

    # The largest first: the last to end should be a small one.
    order = sorted(todo, key=lambda stamp: -sum(len(tree.text(n)) for n in todo[stamp][1]))
    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        return sorted({problem for found in pool.map(look, order) for problem in found})


def _bundles(tree):
    """(flags, sources): sources of one folder and target, compiled alike, at most BUNDLE of them."""
    alike = {}
    for name, (target, command) in sorted(tree.commands().items()):
        alike.setdefault((os.path.dirname(name), target, _flags(command)), []).append(name)
    return [(flags, names[at:at + BUNDLE]) for (_, _, flags), names in alike.items()
            for at in range(0, len(names), BUNDLE)]


def _flags(command):
    """What of a compile command says how, not what: without compiler, source and outputs."""
    words = shlex.split(command)
    compiler = next(i for i, word in enumerate(words) if "clang++" in os.path.basename(word))
    found, skip = [], False
    for word in words[compiler + 1:]:
        if not (skip or word in NAMES_A_FILE or word in ("-MD", "-c") or word.endswith(".cc")):
            found.append(word)
        skip = word in NAMES_A_FILE
    return tuple(found)


def _stamp(tree, flags, names):
    digest = hashlib.sha256(repr((flags, names)).encode())
    settings = [f for f in tree.files() if os.path.basename(f) == ".clang-tidy"]
    reached = {part for name in names for part in tree.closure(name)}
    for part in settings + sorted(reached):
        digest.update(part.encode() + b"\0" + tree.text(part).encode())
    return digest.hexdigest()


def _look(tree, folder, flags, names):
    """What is found in sources together counts if it is found in them apart: two that use one name
    twice do not compile together."""
    found = _tidy(tree, folder, flags, names)
    if len(names) == 1 or not found:
        return found
    named = [name for name in names if any(p.startswith(name + ":") for p in found)]
    if not 0 < len(named) < len(names):
        named = names[:len(names) // 2]
    rest = [name for name in names if name not in named]
    return _look(tree, folder, flags, rest) + _look(tree, folder, flags, named)


def _settings(tree, name):
    """The nearest .clang-tidy above a source: of a file that includes it another one is nearer."""
    while name:
        name = os.path.dirname(name)
        if tree.exists(os.path.join(name, ".clang-tidy")):
            break
    return tree.path(os.path.join(name, ".clang-tidy"))


def _tidy(tree, folder, flags, names):
    source = tree.path(names[0])
    if len(names) > 1:
        label = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
        source = os.path.join(folder, f"{label}.cc")
        with open(source, "w", encoding="utf-8") as file:
            file.write("".join(f'#include "{tree.path(name)}"\n' for name in names))
    run = subprocess.run(
        [TIDY, "--quiet", f"--config-file={_settings(tree, names[0])}", source, "--", *flags],
        cwd=tree.root, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    found = [line.replace(tree.root + "/", "") for line in run.stdout.splitlines()
             if ": error: " in line or ": warning: " in line]
    if run.returncode and not found:
        found = [f"{names[0]}:1: {TIDY} failed: {(run.stdout + run.stderr).strip()[-500:]}"]
    return found
