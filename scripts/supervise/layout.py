"""Who listens where, and the settings of a run without a settings file."""

import contextlib
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


def free_ports(count):
    """The first of so many ports in a row that nobody listens on."""
    start = 12000 + os.getpid() * 16 % 18000  # so that two that look at the same time do not meet
    for first in range(start, start + 2000, 16):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    probe = stack.enter_context(socket.socket())
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
                return first
            except OSError:
                continue
    raise RuntimeError("no eleven free ports in a row")
