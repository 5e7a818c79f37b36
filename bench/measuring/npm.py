"""Packages from npm that a measurement compares with: exact versions, with hashes."""

import os
import shutil
import subprocess

NPM_S = 180


def packages(here, folder):
    """Installs what the package-lock.json in `here` says, below `folder`. (where to require from, why
    not)."""
    home = os.path.join(folder, "npm")
    with open(os.path.join(here, "package-lock.json"), "rb") as file:
        lock = file.read()
    stamp = os.path.join(home, "installed")
    if os.path.exists(stamp):
        with open(stamp, "rb") as file:
            if file.read() == lock:
                return home, None
    if not shutil.which("node") or not shutil.which("npm"):
        return None, "there is no node, or no npm"
    shutil.rmtree(home, ignore_errors=True)
    os.makedirs(home)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(here, name), home)
    try:
        run = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=home,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=NPM_S, check=False)
    except subprocess.TimeoutExpired:
        return None, f"npm ci took more than {NPM_S} s"
    if run.returncode:
        said = [line for line in run.stderr.splitlines() if line.startswith("npm error")]
        return None, "npm ci: " + "; ".join(said[:3])
    with open(stamp, "wb") as file:
        file.write(lock)
    return home, None
