"""A redis-server of the test's own, on a unix socket in a folder of its own."""

import contextlib
import os
import subprocess
import tempfile

from harness import die_with_parent, eventually, layout


class RedisServer:
    def __init__(self, *conf):
        self.scratch = tempfile.TemporaryDirectory(prefix="sluice-redis-",
                                                   ignore_cleanup_errors=True)
        self.folder = self.scratch.name
        self.socket = os.path.join(self.folder, "redis.sock")
        self.url = f"unix://{self.socket}"
        self.conf = ["--port", "0", "--unixsocket", self.socket, "--dir", self.folder,
                     "--save", "", "--maxmemory-policy", "noeviction", *conf]
        self.process, self.guard = None, contextlib.ExitStack()
        self.start()

    def start(self):
        with open(os.path.join(self.folder, "redis.log"), "ab") as log:
            self.process = subprocess.Popen(["redis-server", *self.conf], stdout=log,
                                            stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
                                            preexec_fn=die_with_parent, cwd=self.folder)
        eventually("redis answers", lambda: self.cli("ping") == "PONG", 20)

    def cli(self, *words):
        run = subprocess.run(["redis-cli", "-s", self.socket, *words], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             timeout=20, check=False)
        return run.stdout.strip()

    def listen(self):
        """On a port as well, for URLs that name a user."""
        port, self.guard = layout.reserve_ports(1)
        assert self.cli("config", "set", "port", str(port)) == "OK"
        return port

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.kill()
        self.guard.close()
        self.scratch.cleanup()
