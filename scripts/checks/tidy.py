"""clang-format-14 and clang-tidy-14 over our sources, in parallel; tidy remembers what was clean."""

import hashlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

FORMAT = "clang-format-14"
TIDY = "clang-tidy-14"


def check_format(tree):
    names = tree.cpp()
    if not names:
        return []
    run = subprocess.run([FORMAT, "--dry-run", "--Werror", "--style=file"] + names, cwd=tree.root,
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    found = [line for line in run.stderr.splitlines() if ": error:" in line]
    return found or ([run.stderr.strip()] if run.returncode else [])


def check_tidy(tree, jobs=None):
    """Problems of every source that was not clean with exactly these bytes before."""
    known = os.path.join(os.path.dirname(tree.compile_commands), "tidy-clean")
    os.makedirs(known, exist_ok=True)
    todo = {}
    for name, (_, command) in sorted(tree.commands().items()):
        stamp = os.path.join(known, _stamp(tree, name, command))
        if not os.path.exists(stamp):
            todo[name] = stamp

    def look(name):
        found = _tidy(tree, name)
        if not found:
            open(todo[name], "w", encoding="utf-8").close()
        return found

    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        return sorted({problem for found in pool.map(look, todo) for problem in found})


def _stamp(tree, name, command):
    digest = hashlib.sha256(command.encode())
    settings = [f for f in tree.files() if os.path.basename(f) == ".clang-tidy"]
    for part in settings + tree.closure(name):
        digest.update(part.encode() + b"\0" + tree.text(part).encode())
    return digest.hexdigest()


def _tidy(tree, name):
    run = subprocess.run(
        [TIDY, "--quiet", "-p", os.path.dirname(tree.compile_commands), tree.path(name)],
        cwd=tree.root, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    found = [line.replace(tree.root + "/", "") for line in run.stdout.splitlines()
             if ": error: " in line or ": warning: " in line]
    if run.returncode and not found:
        found = [f"{name}:1: {TIDY} failed: {(run.stdout + run.stderr).strip()[-500:]}"]
    return found
