"""scripts/run with the real five: ready at once the second time, and plain about what is wrong."""

import os
import re
import signal
import socket
import subprocess
import tempfile
import time

from harness import BIN, ROOT, EndToEnd, die_with_parent, eventually, layout, request


class Supervised(EndToEnd):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sluice-", ignore_cleanup_errors=True)
        self.addCleanup(scratch.cleanup)
        self.data = os.path.join(scratch.name, "data")
        self.port, guard = layout.reserve_ports(11)
        self.addCleanup(guard.close)
        self.said = ""
        self.process = None

    def begin(self, *more, **environment):
        self.process = subprocess.Popen(
            [os.path.join(ROOT, "scripts", "run"), *more], stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **environment},
            preexec_fn=lambda: die_with_parent(signal.SIGTERM))
        self.addCleanup(self.finish, self.process)
        return self

    def usual(self, **environment):
        return self.begin("--data", self.data, "--port", str(self.port), **environment)

    @staticmethod
    def finish(process):
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)

    def until(self, pattern):
        """Reads on until a line matches."""
        for line in self.process.stdout:
            self.said += line
            match = re.search(pattern, line)
            if match:
                return match
        self.fail(f"nobody said {pattern}:\n{self.said}")

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.said += self.process.communicate(timeout=60)[0]
        return self.process.returncode

    def code(self):
        self.said += self.process.communicate(timeout=90)[0]
        return self.process.returncode

    def send(self, name):
        answer = request(self.port, "POST", "/v1/messages",
                         f'{{"messageId":"{name}","userId":"u"}}',
                         {"Content-Type": "application/json"})
        self.assertEqual(answer.status, 202, answer)

    def delivered(self, name):
        return request(self.port, "GET", f"/v1/messages/{name}").json()["state"] == "delivered"


class Started(Supervised):
    def test_ready_in_three_seconds_the_second_time(self):
        """The quickest of three: the machine may be busy."""
        self.usual().until("ready: front door")
        self.assertEqual(self.end(), 0, self.said)
        took = []
        for number in range(3):
            began = time.monotonic()
            self.usual().until("ready: front door")
            took.append(time.monotonic() - began)
            self.send(f"m-{number}")
            eventually("it is delivered", lambda n=number: self.delivered(f"m-{n}"), 5)
            self.until("try:  curl")
            self.assertEqual(self.end(), 0, self.said)
        self.assertLess(min(took), 3.0, took)

    def test_the_environment_counts(self):
        free = f"127.0.0.1:{self.port + 8}"
        self.usual(SLUICE_LIMITER_HEALTH_LISTEN=free).until("ready: front door")
        self.assertEqual(request(self.port + 8, "GET", "/readyz").status, 200)
        self.assertEqual(self.end(), 0, self.said)

    def test_what_dies_is_started_again_and_ctrl_c_ends_it_drained(self):
        pids = {}
        self.usual()
        for name in ("auditor", "limiter", "dispatcher", "alerter", "ingest"):
            pids[name] = int(self.until(rf"run \| {name} started, pid (\d+)").group(1))
        self.until("try:  curl")
        for name, pid in pids.items():
            os.kill(pid, signal.SIGKILL)
            self.until(rf"run \| {name} was killed by signal 9; it is started again in 0.2 s")
            self.until(rf"run \| {name} started, pid ")
        eventually("it answers", lambda: request(self.port + 1, "GET", "/readyz").status == 200, 20)
        self.send("after")
        eventually("it is delivered", lambda: self.delivered("after"), 20)
        self.assertEqual(self.end(), 0, self.said)
        stopped = re.findall(r"I (\w+): stopped", self.said)
        self.assertEqual(stopped, ["ingest", "limiter", "dispatcher", "auditor", "alerter"])
        trail = os.path.join(self.data, "auditor", "trail")
        verified = subprocess.run([f"{BIN}/sluice-auditor", "verify", trail], check=False,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)


class Refused(Supervised):
    def test_a_wrong_setting(self):
        path = self.data + ".toml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'[sluice]\ndata_dir = "{self.data}"\n[limiter]\nline_mxa = 5\n')
        self.assertEqual(self.begin("--settings", path).code(), 78, self.said)
        self.assertRegex(self.said, r"limiter \| .*data\.toml:4.*line_mxa")
        self.assertIn("nothing was started", self.said)
        self.assertNotIn("started, pid", self.said)

    def test_a_file_that_is_no_settings_file(self):
        path = self.data + ".toml"
        self.assertEqual(self.begin("--settings", path).code(), 78, self.said)
        self.assertIn(path, self.said)
        with open(path, "w", encoding="utf-8") as file:
            file.write("[sluice\n")
        self.assertEqual(self.begin("--settings", path).code(), 78, self.said)
        self.assertIn("line 1", self.said)
        self.assertNotIn("Traceback", self.said)

    def test_a_taken_port(self):
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", self.port))
            other.listen()
            self.assertEqual(self.usual().code(), 75, self.said)
        self.assertIn(f"port {self.port} (ingest.listen", self.said)
        self.assertNotIn("started, pid", self.said)

    def test_a_data_directory_that_another_uses(self):
        self.usual().until("try:  curl")
        first, self.process = self.process, None
        other, guard = layout.reserve_ports(11)
        self.addCleanup(guard.close)
        self.begin("--data", self.data, "--port", str(other))
        self.assertEqual(self.code(), 75, self.said)
        self.assertRegex(self.said, rf"{self.data} is in use by another scripts/run, pid {first.pid}")
        self.send("undisturbed")
        eventually("it is delivered", lambda: self.delivered("undisturbed"), 5)
        self.process = first
        self.assertEqual(self.end(), 0, self.said)
