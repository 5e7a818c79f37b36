"""Who listens where, and the settings of a run without a settings file."""

import contextlib
import fcntl
import json
import os
import re
import socket
import tomllib

from supervise import aws

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
        if name == "limiter" and parsed.counts["ingest"] > 1:
            stores = [f"ingest-{n}" for n in range(1, parsed.counts["ingest"] + 1)]
            lines += [f"ingest_stores = {json.dumps(stores)}"]
    lines += ["[[upstream]]", 'name = "onlyfans"', f'url = "{url}"']
    lines += ["[[limit]]", 'upstream = "onlyfans"', "n = 10", 'window = "60s"', "burst = 3"]
    lines += aws.settings(parsed) if parsed.sqs else []
    os.makedirs(os.path.join(data, "run"), exist_ok=True)
    path = os.path.join(data, "run", "sluice.toml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return path


def read(path):
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise Stop(78, f"{path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise Stop(78, f"{path}: {error}") from error


def data_dir(path):
    """Where a run with this file, or with none, keeps its data: as the stages themselves decide."""
    told = os.environ.get("SLUICE_DATA_DIR")
    if told or path is None:
        return told or "data"
    return read(path).get("sluice", {}).get("data_dir", "data")


def told(path):
    """What the file says, and the environment of who listens where, over the defaults that this
    program must know of: for stages that cannot be asked themselves."""
    found = {"upstream": [], **read(path)}
    for name, offset in HEALTH.items():
        listens = {"health_listen": f"127.0.0.1:{PORT + offset}"}
        listens |= {"listen": f"127.0.0.1:{PORT}"} if name == "ingest" else {}
        found[name] = listens | found.get(name, {})
        for setting in listens:
            variable = f"SLUICE_{name}_{setting}".upper()
            found[name][setting] = os.environ.get(variable, found[name][setting])
    return found


def seconds(text):
    """A duration as --print-settings writes it: "29970ms", "1min"."""
    number, unit = re.fullmatch(r"(\d+)([a-z]+)", text).groups()
    return int(number) * {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400}[unit]


def limit(settings, upstream):
    """What a key may send there: (n, window in seconds), by the limit of the lowest rate."""
    rates = [(one["n"], seconds(one["window"])) for one in settings.get("limit", [])
             if one.get("upstream") == upstream and one.get("scope", "key") == "key"
             and one.get("kind", "rate") == "rate" and not one.get("shadow", False)]
    return min(rates, key=lambda rate: rate[0] / rate[1], default=(1_000_000, 60))


def own_upstream(parsed, settings):
    """The flags of sluice-upstream, which bans by the same limit, where messages go to where it
    would listen and nobody else was meant; else none."""
    address = f"127.0.0.1:{(parsed.port or PORT) + UPSTREAM}"
    names = [one["name"] for one in settings["upstream"]
             if one["url"].rstrip("/") == f"http://{address}"]
    if parsed.upstream or not names:
        return []
    key = settings.get("source", [{}])[0].get("key", "/userId")
    n, window_s = limit(settings, names[0])
    return [f"--listen={address}", f"--key=body:{key}", f"--n={n}", f"--window={window_s}"]


def addresses(settings, upstream):
    """{setting: host:port} of everything that listens."""
    found = {"ingest.listen": settings["ingest"]["listen"]}
    for name in HEALTH:
        found[f"{name}.health_listen"] = settings[name]["health_listen"]
    if upstream:
        found["sluice-upstream"] = upstream[0].partition("=")[2]
    return found


def check_ports(found):
    for setting, address in found.items():
        host, _, port = address.rpartition(":")
        if port == "0":
            raise Stop(78, f"{setting} = {address}: scripts/run must know the port")
        host = host.strip("[]")
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, int(port)))
            except OSError as error:
                raise Stop(75, f"port {port} ({setting} = {address}) cannot be used: "
                           f"{error.strerror}; --port takes another") from error


def reserve_ports(count):
    """(the first of so many ports in a row that nobody uses, a guard). Until that is closed nobody
    else is given them here, so that two runs that begin together do not meet. The last of each
    sixteen is the guard's."""
    blocks = list(range(12000, 30000, 16))  # below those that the kernel gives to connections
    begin = os.getpid() * 7 % len(blocks)
    for first in blocks[begin:] + blocks[:begin]:
        guard = contextlib.ExitStack()
        try:
            guarded = range(first + 15, first + count + 15, 16)
            for port in guarded:
                one = guard.enter_context(socket.socket())
                one.bind(("127.0.0.1", port))
                one.listen()
            with contextlib.ExitStack() as stack:
                for port in set(range(first, first + count)) - set(guarded):
                    probe = stack.enter_context(socket.socket())
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
            return first, guard
        except OSError:
            guard.close()
    raise RuntimeError(f"no {count} free ports in a row")
