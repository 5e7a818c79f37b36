"""Nothing lies outside: every source is compiled, every link in a page leads somewhere."""

import os
import re
import subprocess

_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def check_compiled(tree):
    compiled = tree.commands()
    return [f"{name}:1: is in no target of the build" for name in tree.cpp()
            if name.endswith(".cc") and name not in compiled and "/fuzz/" not in name]


def check_links(tree):
    problems = []
    for page in (f for f in tree.files() if f.endswith(".md")):
        for number, line in enumerate(tree.text(page).splitlines(), 1):
            for target in _LINK.findall(line):
                place = os.path.normpath(os.path.join(os.path.dirname(page), target))
                if "://" not in target and not os.path.exists(tree.path(place)):
                    problems.append(f"{page}:{number}: leads to {target}, which is not there")
    return problems


def check_shell(tree):
    problems = []
    for name in tree.files():
        if name.startswith(("scripts/", ".ci/")) and tree.text(name).startswith("#!/usr/bin/env bash"):
            run = subprocess.run(["bash", "-n", tree.path(name)], stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True, check=False)
            problems += [f"{name}:1: {line}" for line in run.stderr.splitlines()]
    return problems
