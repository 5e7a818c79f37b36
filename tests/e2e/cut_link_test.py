"""A link to the upstream that is cut in the middle of requests: what was given up, or whose process
was killed, does not arrive when the link is back (design 4.1)."""

import contextlib
import json
import socket
import threading
import time
import unittest

import harness
from harness import EndToEnd, Pipeline, eventually
from namespaces import Namespace, cannot

HERE, THERE = "10.213.7.1", "10.213.7.2"
CUT_S = 20
# A kernel that still had the bytes would send them again at 0.2, 0.4 ... 25.6 s after the first time.
LOOK_S = 30


class Listener:
    """Says when which bytes arrived. Answers whole requests after a moment, and reads the large one
    only up to its first bytes until it is told to go on."""

    def __init__(self, namespace):
        self.chunks = []  # (monotonic seconds, bytes)
        self.began, self.go_on = threading.Event(), threading.Event()
        with namespace.entered():
            self.socket = socket.socket()
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.socket.bind((THERE, 0))
        self.socket.listen(16)
        self.url = f"http://{THERE}:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.socket.accept()
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        heard = b""
        with contextlib.suppress(OSError):
            while chunk := peer.recv(2048):
                self.chunks.append((time.monotonic(), chunk))
                heard += chunk
                if b'"large"' in heard:
                    self.began.set()
                    self.go_on.wait()
                elif heard.endswith(b"}"):
                    heard = b""
                    time.sleep(0.3)  # so that two at once need two connections
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def since(self, at):
        return b"".join(chunk for when, chunk in self.chunks if when > at)

    def close(self):
        self.go_on.set()
        self.socket.close()


class Apart(Pipeline):
    """Its dispatcher lives in a namespace; the others reach it by ipc."""

    def __init__(self, folder, namespace, **options):
        super().__init__(folder, **options)
        self.namespace = namespace

    def command(self, name):
        plain = super().command(name)
        return self.namespace.command(*plain) if name == "dispatcher" else plain

    def ready(self, name):
        if name != "dispatcher":
            return super().ready(name)
        with self.namespace.entered():
            return super().ready(name)


@unittest.skipIf(cannot(), "no network namespaces")
class CutLink(EndToEnd):
    minutes = 5

    def setUp(self):
        self.here, self.there = Namespace(), Namespace()
        self.addCleanup(self.here.close)
        self.addCleanup(self.there.close)
        self.here.run("ip", "link", "add", "name", "wire", "type", "veth", "peer", "name", "wire",
                      "netns", str(self.there.holder.pid))
        for namespace, address in ((self.here, HERE), (self.there, THERE)):
            namespace.run("ip", "address", "add", f"{address}/30", "dev", "wire")
            namespace.run("ip", "link", "set", "wire", "up")
        self.listener = Listener(self.there)
        self.addCleanup(self.listener.close)
        more = ('timeout = "5s"\nkeep_idle = "60s"\non_unknown = "dead"\n'
                '[[limit]]\nupstream = "onlyfans"\nn = 1000\nwindow = "60s"\nburst = 100\n')
        scratch = self.enterContext(harness.tempfile.TemporaryDirectory(prefix="sluice-"))
        self.pipeline = Apart(scratch, self.here, url=self.listener.url, time_scale=1.0, more=more)
        self.addCleanup(self.end, self.pipeline)
        self.pipeline.start()

    def send(self, name, **more):
        self.accept(self.pipeline, {"messageId": name, "userId": name, **more})

    def cut(self):
        """In the middle of a large request; then one more goes out over a connection that stands.
        Returns when both are in the kernel's send queue, and nowhere else."""
        for name in ("warm-1", "warm-2"):
            self.send(name)
        self.pipeline.settle(["warm-1", "warm-2"], 20)
        self.send("large", size="large", padding="x" * 150_000)
        self.assertTrue(self.listener.began.wait(20))
        self.there.run("ip", "link", "set", "wire", "down")
        self.cut_at = time.monotonic()
        self.listener.go_on.set()  # what had arrived is read now; it is no late arrival
        self.send("small")
        eventually("the small one is in a send queue", lambda: self.queued() > 1, 5)

    def queued(self):
        """Connections with bytes that the other end has not acknowledged."""
        with self.here.entered(), open("/proc/thread-self/net/tcp", encoding="ascii") as file:
            rows = [line.split() for line in file.readlines()[1:]]
        far = "".join(f"{int(part):02X}" for part in reversed(THERE.split(".")))
        return sum(row[2].startswith(far) and row[4][:8] != "0" * 8 for row in rows)

    def restore(self):
        time.sleep(max(0.0, self.cut_at + CUT_S - time.monotonic()))
        restored = time.monotonic()
        self.there.run("ip", "link", "set", "wire", "up")
        time.sleep(LOOK_S)
        return restored

    def test_what_was_given_up_does_not_arrive_later(self):
        self.cut()
        states = self.pipeline.settle(["large", "small"], CUT_S - 5)
        self.assertEqual(set(states.values()), {"dead"}, "unknown, and not to be sent again")
        self.assertEqual(self.queued(), 0, "the kernel has nothing of them")
        restored = self.restore()
        self.assertEqual(self.listener.since(restored), b"")
        self.assertNotIn(b'"small"', self.listener.since(0))
        self.send("after")
        self.assertEqual(self.pipeline.settle(["after"], 30)["after"], "delivered")
        self.assertIn(b'"after"', self.listener.since(restored), "the link is back")

    def test_nor_when_the_dispatcher_is_killed(self):
        self.cut()
        self.pipeline.kill("dispatcher")
        self.assertEqual(self.queued(), 0, "the kernel has nothing of them")
        restored = self.restore()
        self.assertEqual(self.listener.since(restored), b"")
        self.assertNotIn(b'"small"', self.listener.since(0))
        self.pipeline.start("dispatcher")
        self.send("after")
        self.assertEqual(self.pipeline.settle(["after"], 60)["after"], "delivered")
        for name in ("large", "small"):
            self.assertNotEqual(self.pipeline.state(name), "delivered")
        self.assertNotIn(json.dumps("small").encode(), self.listener.since(0))
