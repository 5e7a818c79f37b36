"""What every process does on its links, and what it finds at its start, for dispatcher.py and
alerter.py: from docs/protocol.md and proto/ alone."""
import functools
import http.client
import http.server
import operator
import os
import secrets
import signal
import socket
import struct
import sys
import threading
import time
import tomllib
from types import SimpleNamespace

import zmq
from sluice.v1 import sluice_pb2 as wire

SECOND = 1_000_000
LIFE = secrets.randbits(64) | 1


def now():
    """Microseconds of a steady clock; two of them drift apart by 200 ppm at most."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class Link:
    """A ROUTER that binds, or a DEALER that `connects`, and who is up on it: {route: peer}.
    `facts(peer)` is what a heartbeat to that peer carries beside the clocks."""

    def __init__(self, role, address, connects=False, facts=lambda peer: {}):
        self.role, self.address, self.connects, self.facts = role, address, connects, facts
        self.sequence, self.dials, self.due, self.heard, self.socket = 0, 0, 0, {}, None
        self.trip = (-9 * SECOND, now(), 0, 0)  # left, came back; store time's bounds by it
        self.open()

    def open(self):
        """Under a name that was never used before; whatever was under way is lost."""
        if self.socket:
            self.socket.close(linger=0)
        self.socket = zmq.Context.instance().socket(zmq.DEALER if self.connects else zmq.ROUTER)
        self.dials, self.alive, self.peers = self.dials + 1, now(), {}
        self.socket.routing_id = f"{self.role}-{LIFE:x}-{self.dials}".encode()
        (self.socket.connect if self.connects else self.socket.bind)(self.address)

    def say(self, route, life, **item):
        self.sequence += 1
        frame = wire.Frame(version=1, from_life=LIFE, to_life=life, sequence=self.sequence,
                           items=[item])
        self.socket.send_multipart([*route, frame.SerializeToString()])

    def tell(self, peer, **item):
        self.say(peer.route, peer.life, **item)

    def tell_all(self, **item):
        for peer in self.peers.values():
            self.tell(peer, **item)

    def hear(self, milliseconds):
        """Waits so long at most; then every (peer, kind, item) that is not the link's own affair."""
        if now() >= self.due:
            self.each_second()
        while self.socket.poll(milliseconds):
            *route, data = self.socket.recv_multipart()
            yield from self.read(tuple(route), wire.Frame.FromString(data))
            milliseconds = 0

    def each_second(self):
        self.due = now() + SECOND
        self.peers = {r: p for r, p in self.peers.items() if now() - p.heard < 5 * SECOND}
        if self.connects and now() - self.alive > 5 * SECOND:
            self.open()
        if self.connects and not self.peers:
            self.say((), 0, hello={"oldest_version": 1, "role": self.role, "instance": "python",
                                   "stamp_us": now()})
        for peer in self.peers.values():
            self.tell(peer, heartbeat={
                "stamp_us": now(), "echo_us": peer.stamp, **self.facts(peer),
                "echo_age_us": now() - peer.stamped if peer.stamp else 0})

    def read(self, route, frame):
        kinds, peer = [item.WhichOneof("body") for item in frame.items], self.peers.get(route)
        if frame.sequence <= self.heard.get(frame.from_life, 0):
            return
        self.heard[frame.from_life] = frame.sequence
        if kinds[:1] == ["hello"] or (kinds[:1] == ["welcome"] and peer is None):
            peer = self.up(route, frame)
        if peer is None or peer.life != frame.from_life or frame.to_life not in (0, LIFE):
            if kinds[:1] != ["not_me"]:
                self.say(route, frame.from_life, not_me={"meant_life": frame.to_life})
            return
        peer.heard = self.alive = now()
        for kind, item in zip(kinds, frame.items):
            if kind == "not_me":  # this connection cannot become whole any more
                self.peers, self.alive, self.due = {}, -9 * SECOND, 0
            elif kind == "heartbeat":
                self.learn(peer, item.heartbeat)
            elif kind not in ("hello", "welcome", None):
                yield peer, kind, getattr(item, kind)

    def up(self, route, frame):
        peer = SimpleNamespace(route=route, life=frame.from_life, stamp=0, stamped=0)
        if not self.connects:
            self.tell(peer, welcome={"role": self.role, "instance": "python"})
        self.peers[route], self.due = peer, 0  # and a heartbeat at once
        return peer

    def learn(self, peer, beat):
        peer.stamp, peer.stamped = beat.stamp_us, now()
        if beat.echo_us and beat.store_high_us:  # taken after our stamp had lain there for its age
            left = beat.echo_us + int(beat.echo_age_us * 0.9996)
            self.trip = (left, now(), beat.store_low_us, beat.store_high_us)

    def knows_time(self):
        return now() - self.trip[0] < 5 * SECOND

    def earliest(self):
        return self.trip[2] + int((now() - self.trip[1]) * 0.9998) - 1

    def latest(self):
        """Store time is not later than this."""
        return self.trip[3] + int((now() - self.trip[0]) * 1.0002) + 1


def held(names):
    """What a heartbeat says of these (identity, serial)."""
    hashes = (int.from_bytes(identity[:8], "big") for identity, serial in names)
    return {"held_count": len(names), "held_hash": functools.reduce(operator.xor, hashes, 0)}


def connected(host, seconds):
    """A connection of which nothing is delivered after we gave up, or died."""
    line = http.client.HTTPConnection(host, timeout=seconds)
    line.connect()
    line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * seconds))
    return line


def serve_health(settings, stage, ready):
    """/readyz says 200 when ready() is true, else 503; it has a thread of its own."""
    port = {"dispatcher": 8083, "alerter": 8085}[stage]
    address = settings.get(stage, {}).get("health_listen", f"127.0.0.1:{port}")

    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if ready() else 503)
            self.end_headers()

        def log_message(self, *_):
            pass

    host, _, port = address.rpartition(":")
    server = http.server.ThreadingHTTPServer((host, int(port)), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def settings_and_data():
    """A stage is started with --settings FILE --data-dir DIR, and stopped by SIGTERM: at once, as
    what is killed at any instant loses nothing."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    flags = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    with open(flags["--settings"], "rb") as file:
        return tomllib.load(file), flags["--data-dir"]
