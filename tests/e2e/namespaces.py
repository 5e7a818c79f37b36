"""Networks that a test makes itself: where the machine lets nobody do so, such tests are skipped."""

import contextlib
import os
import shutil
import subprocess

from harness import LIBC, die_with_parent, eventually

CLONE_NEWNET = 0x40000000


class Namespace:
    """A network of its own that lives as long as the process that holds it."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "600"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, preexec_fn=die_with_parent)
        self.path = f"/proc/{self.holder.pid}/ns/net"
        eventually("there is a namespace", self._made)
        self.run("ip", "link", "set", "lo", "up")

    def _made(self):
        if self.holder.poll() is not None:
            raise AssertionError(self.holder.stdout.read().decode())
        return os.readlink(self.path) != os.readlink("/proc/self/ns/net")

    def command(self, *words):
        return ["nsenter", f"--net={self.path}", *words]

    def run(self, *words):
        subprocess.run(self.command(*words), check=True, stdin=subprocess.DEVNULL, timeout=10)

    @contextlib.contextmanager
    def entered(self):
        """Sockets that this thread opens inside belong to the namespace for ever."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(self.path, os.O_RDONLY)
        try:
            assert LIBC.setns(there, CLONE_NEWNET) == 0
            yield
        finally:
            assert LIBC.setns(home, CLONE_NEWNET) == 0
            os.close(home)
            os.close(there)

    def close(self):
        self.holder.kill()
        self.holder.communicate()


def cannot():
    """Why this machine cannot make namespaces; None: it can."""
    for tool in ("unshare", "nsenter", "ip"):
        if not shutil.which(tool):
            return f"there is no {tool}"
    tried = subprocess.run(["unshare", "--net", "true"], check=False, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=10)
    return tried.stdout if tried.returncode else None


class Wire:
    """Between two namespaces: `near` and `far` are addresses of its ends. Cut, it takes what is sent
    and says nothing: it is the other end that is down."""

    made = 0

    def __init__(self, near, far):
        Wire.made += 1
        self.name, self.far_space = f"wire{Wire.made}", far
        self.near, self.far = f"10.213.{Wire.made}.1", f"10.213.{Wire.made}.2"
        near.run("ip", "link", "add", "name", self.name, "type", "veth", "peer", "name", self.name,
                 "netns", str(far.holder.pid))
        for space, address in ((near, self.near), (far, self.far)):
            space.run("ip", "address", "add", f"{address}/30", "dev", self.name)
            space.run("ip", "link", "set", self.name, "up")

    def cut(self):
        self.far_space.run("ip", "link", "set", self.name, "down")

    def heal(self):
        self.far_space.run("ip", "link", "set", self.name, "up")
