"""A whole Sluice for a test: real processes, free ports, a folder of its own; and the servers that
it talks to. Everything ends with the test."""

import contextlib
import ctypes
import glob
import http.client
import http.server
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

from supervise import layout, several  # noqa: E402

BIN = os.path.join(ROOT, "build", os.environ.get("SLUICE_BUILD", "release"), "bin")
ENDED = ("delivered", "dead", "expired", "cancelled")
READY_S = 30


LIBC = ctypes.CDLL(None)  # loaded before any thread is there that could hold a lock at a fork
PR_SET_PDEATHSIG = 1


def die_with_parent(by=signal.SIGKILL):
    os.setsid()
    LIBC.prctl(PR_SET_PDEATHSIG, by)


class Answer:
    """What came back from the front door."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def lines(self):
        return [json.loads(line) for line in self.body.splitlines() if line]

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:2000]!r}"


def request(port, method, path, body=None, headers=None, seconds=10):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path, body, headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def eventually(what, holds, seconds=10.0):
    """Waits until holds() is true, and returns what it said."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            value = holds()
            if value:
                return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def fuller(arrivals, window_s, n, ends=None):
    """{end: how many} of each closed window with more than n arrivals; `ends`: of those that end
    then, else with any."""
    found = {end: sum(1 for at in arrivals if end - window_s <= at <= end)
             for end in (arrivals if ends is None else ends)}
    return {end: many for end, many in found.items() if many > n}


class Recorder:
    """Somebody else's API: remembers when what arrived. `act` may answer in other ways; it hangs up
    on connections that were idle for `idle_s`."""

    def __init__(self, act=None, idle_s=None):
        self.arrivals = []  # (monotonic seconds, headers, body)
        recorder = self

        class Door(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = idle_s

            def do_POST(self):
                at = time.monotonic()
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {k.lower(): v for k, v in self.headers.items()}
                headers[":connection"] = self.client_address
                recorder.arrivals.append((at, headers, body))
                if act is None or act(self, body) is None:
                    self.reply(200)

            def reply(self, status, body=b"{}", **headers):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def bodies(self):
        return [json.loads(body) for _, _, body in self.arrivals]

    def at(self, name):
        """When messages of that id arrived."""
        return [at for at, _, body in self.arrivals if json.loads(body)["messageId"] == name]

    def of(self, user):
        """When messages of that key arrived, in order."""
        return sorted(at for at, _, body in list(self.arrivals)
                      if json.loads(body)["userId"] == user)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Refusing:
    """Of a test with an `upstream` that acts as `act`: messages in `refused` get 404."""

    refused = ()
    patience_s = 60

    def act(self, door, body):
        if json.loads(body)["messageId"] in self.refused:
            door.reply(404)
            return True
        return None

    def ids(self):
        return [one["messageId"] for one in self.upstream.bodies()]

    def await_ids(self, wanted, seconds=None):
        eventually(f"{len(wanted)} messages arrive", lambda: set(self.ids()) >= set(wanted),
                   seconds or self.patience_s)


class FrontDoor:
    """What an ingest is asked over HTTP."""

    def __init__(self, port):
        self.port = port

    def post(self, document, path="/v1/messages", **headers):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        named = {"Content-Type": "application/json"}
        named.update({name.replace("_", "-"): value for name, value in headers.items()})
        return request(self.port, "POST", path, body, named)

    def delete(self, name):
        return request(self.port, "DELETE", f"/v1/messages/{name}")

    def message(self, name):
        return request(self.port, "GET", f"/v1/messages/{name}").json()

    def state(self, name):
        return self.message(name)["state"]

    def settle(self, names, seconds):
        """{id: state} when all have ended."""
        states = {}

        def over():
            for name in names:
                if states.get(name) not in ENDED:
                    states[name] = self.state(name)
            return all(states.get(name) in ENDED for name in names)

        eventually(f"all of {len(names)} messages have ended", over, seconds)
        return states

    def limits(self):
        """The answer to: which limits hold?"""
        return request(self.port, "GET", "/v1/limits?upstream=onlyfans")

    def edit_limits(self, limits, match="*"):
        """The answer to ann, who says so."""
        return request(self.port, "PUT", "/v1/limits?upstream=onlyfans",
                       json.dumps({"limits": limits, "by": "ann"}), {"If-Match": match})


class Pipeline(FrontDoor):
    """All five stages, and sluice-upstream where no url is given. `stages`: lines of settings for
    one's table each; `more`: what stands after all of that; `counts`: of which there are several;
    `redis`: the URL of the limiters' store, and its `store_topology`."""

    def __init__(self, folder, url=None, time_scale=0.1, more="", stages=None, counts=None,
                 redis=None, store_topology="single"):
        self.folder = folder
        self.counts, self.redis, self.store_topology = counts or {}, redis, store_topology
        port, self.guard = layout.reserve_ports(
            11 + several.STEP * (max([1, *self.counts.values()]) - 1))
        super().__init__(port)
        self.url, self.time_scale = url, time_scale
        self.stages = stages or {}
        self.settings = os.path.join(folder, "sluice.toml")
        self.data = os.path.join(folder, "data")
        self.processes = {}
        with open(self.settings, "w", encoding="utf-8") as file:
            file.write(self._toml() + more)

    def _toml(self):
        lines = ["[sluice]", f'data_dir = "{self.data}"', f"time_scale = {self.time_scale}"]
        for name in layout.STAGES:
            lines += [f"[{name}]", f'health_listen = "127.0.0.1:{self.health(name)}"']
            if name == "ingest":  # a busy machine must not cost a forecast
                lines += [f'listen = "127.0.0.1:{self.port}"', 'quote_wait = "2s"']
            if name == "limiter" and self.redis:
                lines += ['store = "redis"', f'redis = ["{self.redis}"]',
                          f'store_topology = "{self.store_topology}"']
            lines += self.stages.get(name, [])
        url = self.url or f"http://127.0.0.1:{self.port + layout.UPSTREAM}"
        lines += ["[[upstream]]", 'name = "onlyfans"', f'url = "{url}"']
        return "\n".join(lines) + "\n"

    def health(self, name):
        nth = int(name.partition("-")[2] or 1)
        return self.port + layout.HEALTH[several.stage_of(name)] + several.STEP * (nth - 1)

    def names(self):
        return ([] if self.url else ["upstream"]) + list(self.commands())

    def commands(self):
        settings = {name: {"health_listen": f"127.0.0.1:{self.health(name)}",
                           "store": "redis" if self.redis else "sqlite"} for name in layout.STAGES}
        settings["ingest"]["listen"] = f"127.0.0.1:{self.port}"
        called = {name: [f"{BIN}/sluice-{name}", "--settings", self.settings]
                  for name in layout.STAGES}
        return several.spread(called, self.counts, settings, self.data)

    def command(self, name):
        if name == "upstream":
            return [f"{BIN}/sluice-upstream", f"--listen=127.0.0.1:{self.port + layout.UPSTREAM}",
                    "--key=body:/userId", "--n=10", f"--window={60 * self.time_scale}"]
        return self.commands()[name]

    def log(self, name):
        path = os.path.join(self.folder, name + ".log")
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def start(self, *names, ready=True, flags=()):
        """`flags`: of the limiters, this time."""
        for name in names or self.names():
            own = list(flags) if several.stage_of(name) == "limiter" else []
            with open(os.path.join(self.folder, name + ".log"), "ab") as log:
                self.processes[name] = subprocess.Popen(
                    self.command(name) + own, stdin=subprocess.DEVNULL, stdout=log,
                    stderr=subprocess.STDOUT, preexec_fn=die_with_parent, cwd=self.folder)
        if ready:
            self.wait_ready(*(n for n in names or self.names() if n != "upstream"))
        return self

    def wait_ready(self, *names):
        for name in names:
            try:
                eventually(f"{name} is ready", lambda n=name: self.ready(n), READY_S)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{self.log(name)[-3000:]}") from None

    def ready(self, name):
        if self.processes[name].poll() is not None:
            raise AssertionError(f"{name} ended with {self.processes[name].returncode}:\n"
                                 + self.log(name)[-3000:])
        return request(self.health(name), "GET", "/readyz").status == 200

    def unready(self, name):
        """What /readyz says."""
        return request(self.health(name), "GET", "/readyz").body.decode()

    def explained(self, limiter, key):
        """What a limiter says of a key; None: nothing of it is there."""
        answer = request(self.health(limiter), "GET", f"/v1/explain?key=onlyfans%3A{key}")
        return answer.json() if answer.status == 200 else None

    def kill(self, name):
        self.processes[name].kill()
        self.processes[name].wait()

    def kill_and_restart(self, name, after=0.2):
        self.kill(name)
        time.sleep(after)
        self.start(name)

    def stop(self):
        """As scripts/run does: in order. {name: exit code}."""
        codes = {}
        for stage in ("ingest", "limiter", "dispatcher", "auditor", "alerter", "upstream"):
            named = [name for name in self.processes if several.stage_of(name) == stage]
            going = {name: self.processes.pop(name) for name in named}
            for process in going.values():
                process.terminate()
            for name, process in going.items():
                try:
                    codes[name] = process.wait(40)
                except subprocess.TimeoutExpired:
                    process.kill()
                    codes[name] = process.wait()
        return codes

    # ---- what others saw

    def report(self):
        return request(self.port + layout.UPSTREAM, "GET", "/report").json()

    def on_record(self, kind):
        """The trail's lines of that kind."""
        lines = []
        for path in glob.glob(os.path.join(self.data, "auditor", "**", "*.ndjson"), recursive=True):
            with open(path, encoding="utf-8") as file:
                lines += [json.loads(line) for line in file if line.endswith("\n")]
        return [line for line in lines if line.get("t") == kind]

    def auditor(self, *arguments):
        """A verb of sluice-auditor: (exit code, what it said)."""
        run = subprocess.run([f"{BIN}/sluice-auditor", *arguments, "--settings", self.settings],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
                             stderr=subprocess.STDOUT, text=True, timeout=60, cwd=self.folder)
        return run.returncode, run.stdout


class EndToEnd(unittest.TestCase):
    """Gives pipelines that end with the test; a failing test shows the end of their logs."""

    passed = False
    kind = Pipeline

    def _callTestMethod(self, method):
        super()._callTestMethod(method)
        self.passed = True  # no cleanup can ask unittest

    def pipeline(self, **options):
        scratch = tempfile.TemporaryDirectory(prefix="sluice-", ignore_cleanup_errors=True)
        self.addCleanup(scratch.cleanup)
        made = self.kind(scratch.name, **options)
        self.addCleanup(self.end, made)
        return made

    def recorder(self, act=None):
        made = Recorder(act)
        self.addCleanup(made.close)
        return made

    def end(self, made):
        """Whatever the test was about: no process fell over, and the trail is whole."""
        codes = made.stop()
        made.guard.close()
        good = False
        try:
            self.assertLessEqual(set(codes.values()), {0, -signal.SIGKILL}, codes)
            if os.path.isdir(os.path.join(made.data, "auditor", "trail")):
                self.verify(made)
            good = self.passed
        finally:
            for name in () if good else made.names():
                print(f"---- {name}\n{made.log(name)[-4000:]}")

    def accept(self, pipeline, document, **headers):
        answer = pipeline.post(document, **headers)
        self.assertEqual(answer.status, 202, answer)
        return answer

    def verify(self, pipeline):
        code, said = pipeline.auditor("verify")
        self.assertEqual(code, 0, said)
        return said
