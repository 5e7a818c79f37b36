"""Who listens where, and the settings of a run without a settings file."""

import contextlib
import fcntl
import os
import socket

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STAGES = ["auditor", "limiter", "dispatcher", "alerter", "ingest"]  # started in this order
PORT = 8080  # the front door; the others follow it
HEALTH = {"ingest": 1, "limiter": 2, "dispatcher": 3, "auditor": 4, "alerter": 5}  # port + n
UPSTREAM = 10  # port + n


class Stop(Exception):
    """Everything is to stop now, with this exit code and for this reason."""

    def __init__(self, code, why=""):
        super().__init__(why)
        self.code = code


@contextlib.contextmanager
def alone(data):
    """Holds the data directory: two supervisors on one would write each other's settings."""
    path = os.path.join(data, "run", "lock")
    try:
        for folder in (data, os.path.dirname(path)):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        file = open(path, "a+", encoding="utf-8")
    except OSError as error:
        raise Stop(75, f"{path}: {error.strerror}; --data takes another directory") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise Stop(75, f"{data} is in use by another scripts/run, pid {file.read()}; "
                       "--data takes another directory") from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def default_settings(parsed, data, time_scale):
    """The settings of a run without a file, written where they can be read and copied."""
    port = parsed.port or PORT
    url = parsed.upstream or f"http://127.0.0.1:{port + UPSTREAM}"
    lines = ["# Written by scripts/run at each start.", "[sluice]", f'data_dir = "{data}"',
             f"time_scale = {time_scale}"]
    for name in STAGES:
        lines += [f"[{name}]", f'health_listen = "127.0.0.1:{port + HEALTH[name]}"']
        lines += [f'listen = "127.0.0.1:{port}"'] if name == "ingest" else []
    lines += ["[[upstream]]", 'name = "onlyfans"', f'url = "{url}"']
    lines += ["[[limit]]", 'upstream = "onlyfans"', "n = 10", 'window = "60s"', "burst = 3"]
    os.makedirs(os.path.join(data, "run"), exist_ok=True)
    path = os.path.join(data, "run", "sluice.toml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return path


def has_own_upstream(parsed, settings):
    """Whether messages go to where sluice-upstream would listen, and nobody else was meant."""
    own = f"http://127.0.0.1:{(parsed.port or PORT) + UPSTREAM}"
    urls = [upstream.get("url") for upstream in settings.get("upstream", [])] or [own]
    return own in urls and not parsed.upstream


def addresses(settings, own_upstream, port):
    """{setting: host:port} of everything that listens."""
    found = {"ingest.listen": settings.get("ingest", {}).get("listen", f"127.0.0.1:{PORT}")}
    for name, offset in HEALTH.items():
        found[f"{name}.health_listen"] = settings.get(name, {}).get(
            "health_listen", f"127.0.0.1:{PORT + offset}")
    if own_upstream:
        found["sluice-upstream"] = f"127.0.0.1:{port + UPSTREAM}"
    return found


def check_ports(found):
    for setting, address in found.items():
        host, _, port = address.rpartition(":")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, int(port)))
            except OSError as error:
                raise Stop(75, f"port {port} ({setting} = {address}) cannot be used: "
                           f"{error.strerror}; --port takes another") from error


def reserve_ports(count):
    """(the first of so many ports in a row that nobody uses, a socket). As long as that socket is
    open nobody else is given them here, so that two runs that begin together do not meet."""
    blocks = list(range(12000, 30000, 16))  # below those that the kernel gives to connections
    begin = os.getpid() * 7 % len(blocks)
    for first in blocks[begin:] + blocks[:begin]:
        guard = socket.socket()
        try:
            guard.bind(("127.0.0.1", first + 15))
            guard.listen()
            with contextlib.ExitStack() as stack:
                for port in range(first, first + count):
                    probe = stack.enter_context(socket.socket())
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
            return first, guard
        except OSError:
            guard.close()
    raise RuntimeError(f"no {count} free ports in a row")
