"""A redis-server of the test's own, on a unix socket in a folder of its own."""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import tempfile
import threading

from harness import die_with_parent, eventually, layout


class RedisCluster:
    """Three masters without replicas, which go on as far as they reach each other."""

    NODES = 3

    def __init__(self, *conf):
        first, self.guard = layout.reserve_ports(2 * self.NODES)
        self.ports = range(first, first + self.NODES)
        self.nodes = []
        for port in self.ports:  # the bus has the ports that follow
            self.nodes.append(RedisServer("--port", str(port), "--cluster-enabled", "yes",
                                          "--cluster-port", str(port + self.NODES), *conf))
        slots = [n * 16384 // self.NODES for n in range(self.NODES + 1)]
        for node, begin, end in zip(self.nodes, slots, slots[1:]):
            node.cli("cluster", "addslotsrange", str(begin), str(end - 1))
        for port in self.ports[1:]:
            self.nodes[0].cli("cluster", "meet", "127.0.0.1", str(port), str(port + self.NODES))
        for node in self.nodes:
            eventually("the cluster is whole", lambda n=node: "cluster_state:ok" in
                       n.cli("cluster", "info") and "cluster_known_nodes:3" in
                       n.cli("cluster", "info"), 30)
        self.url = f"redis://127.0.0.1:{self.ports[0]}"

    def close(self):
        for node in self.nodes:
            node.close()
        self.guard.close()


class Spreader:
    """What must not stand before a store: each new connection goes to the next server."""

    def __init__(self, servers):
        self.port, self.guard = layout.reserve_ports(1)
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.paths = itertools.cycle(server.socket for server in servers)
        self.open = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near = self.listener.accept()[0]
                far = socket.socket(socket.AF_UNIX)
                far.connect(next(self.paths))
                self.open += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self.pass_on, args=(source, sink), daemon=True).start()

    @staticmethod
    def pass_on(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def close(self):
        for one in [self.listener, *self.open]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self.guard.close()


class RedisServer:
    """`conf`: more of its settings, as flags."""

    before = ()  # its command: what it runs in

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
            self.process = subprocess.Popen([*self.before, "redis-server", *self.conf], stdout=log,
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

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.kill()
        self.guard.close()
        self.scratch.cleanup()


class Leads:
    """A name for one server after the other, as a service's primary endpoint is."""

    def __init__(self, server):
        self.path = os.path.join(server.folder, "primary.sock")
        self.url = f"unix://{self.path}"
        self.to(server)

    def to(self, server):
        os.symlink(server.socket, self.path + ".new")
        os.replace(self.path + ".new", self.path)
