"""How it goes, in figures: from the /metrics of the stages, asked without waiting for any of them."""

import collections
import re
import selectors
import socket
import time

from supervise.several import stage_of

EVERY_S = 1.0
PATIENCE_S = 3.0
SPAN_S = 5.0  # over which "per second" is taken
PLAIN_S = 10.0  # between two lines where there is no terminal
ANSWER_MAX = 1 << 20
_SAMPLE = re.compile(r"^(sluice_\w+?)(?:\{(.*)\})? (\S+)$", re.M)


class Question:
    """GET /metrics of one address, on somebody's selector."""

    def __init__(self, selector, address, answered):
        self.selector, self.answered, self.got = selector, answered, b""
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.socket.setblocking(False)
        self.socket.connect_ex((host, int(port)))
        self.asked = time.monotonic()
        selector.register(self.socket, selectors.EVENT_WRITE, self.write)

    def write(self):
        try:
            self.socket.send(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
            self.selector.modify(self.socket, selectors.EVENT_READ, self.read)
        except OSError:
            self.end(None)

    def read(self):
        try:
            more = self.socket.recv(65536)
        except OSError:
            return self.end(None)
        self.got += more
        if len(self.got) > ANSWER_MAX:
            return self.end(None)
        if not more:
            head, _, body = self.got.partition(b"\r\n\r\n")
            self.end(body.decode(errors="replace") if b" 200 " in head[:20] else None)

    def end(self, text):
        self.selector.unregister(self.socket)
        self.socket.close()
        self.answered(text)


class Total:
    """A counter that begins again at 0 when its process does."""

    def __init__(self):
        self.before, self.last = 0, 0

    def see(self, value):
        if value < self.last:
            self.before += self.last
        self.last = value

    def value(self):
        return int(self.before + self.last)


class Figures:
    def __init__(self, selector, addresses):
        self.selector, self.addresses = selector, addresses
        self.samples, self.open = {}, {}  # by stage: what it said last; questions
        self.silent = set()
        self.totals = collections.defaultdict(Total)  # by (stage, how attempts ended)
        self.lately = collections.deque()  # (when, sent)
        self.due, self.plain_due, self.plain_said = 0.0, time.monotonic() + PLAIN_S, None

    def turn(self):
        """Asks when it is time. True if something new was heard since the last time that it asked."""
        now = time.monotonic()
        for question in list(self.open.values()):
            if now - question.asked > PATIENCE_S:
                question.end(None)
        if now < self.due:
            return False
        self.due = now + EVERY_S
        self.lately.append((now, self.total("delivered")))
        while now - self.lately[0][0] > SPAN_S:
            self.lately.popleft()
        for stage in self.addresses.keys() - self.open.keys():
            self.open[stage] = Question(self.selector, self.addresses[stage],
                                        lambda text, stage=stage: self.heard(stage, text))
        return True

    def heard(self, stage, text):
        self.open.pop(stage, None)
        (self.silent.add if text is None else self.silent.discard)(stage)
        if text is None:
            return
        self.samples[stage] = {(name, labels): float(value)
                               for name, labels, value in _SAMPLE.findall(text)}
        if stage_of(stage) == "limiter":
            for how in ("delivered", "throttled"):
                self.totals[stage, how].see(
                    sum(self.values(stage, "sluice_limiter_attempts_total", f'"{how}"')))

    def total(self, how):
        return sum(total.value() for (_, ended), total in list(self.totals.items()) if ended == how)

    def values(self, stage, name, label=""):
        return [value for (title, labels), value in self.samples.get(stage, {}).items()
                if title == name and label in labels]

    def all(self, stage, name, label=""):
        """What each of a stage says of it."""
        return [value for one in self.samples if stage_of(one) == stage
                for value in self.values(one, name, label)]

    def sum(self, stage, name, label=""):
        return sum(self.all(stage, name, label))

    def per_second(self):
        (began, before), (ended, after) = self.lately[0], self.lately[-1]
        return (after - before) / (ended - began) if ended > began else 0.0

    def counts(self):
        queued = int(self.sum("ingest", "sluice_rows_count"))
        underway = int(self.sum("dispatcher", "sluice_attempts_in_flight"))
        return (f"queued {queued}   waiting {max(0, queued - underway)}   "
                f"sent {self.total('delivered')}   throttled {self.total('throttled')}   "
                f"dead {int(self.sum('ingest', 'sluice_dead_letters_count'))}   "
                f"{self.per_second():.1f}/s")

    def departures(self):
        """When the next and the last of all that wait go, as far as it is known."""
        said = []
        for which, choose in (("next", min), ("last", max)):
            told = self.all("limiter", f"sluice_limiter_departure_{which}_seconds")
            at = choose((one for one in told if one > 0), default=0)
            if at > 0:
                clock = "%H:%M:%S" if at - time.time() < 43200 else "%d %b %H:%M"
                said.append(f"{which} goes {time.strftime(clock, time.localtime(at))}")
        return ", ".join(said)

    def reasons(self):
        found = collections.Counter()
        for stage, samples in self.samples.items():
            for (name, labels), value in samples.items():
                if stage_of(stage) == "limiter" and name == "sluice_limiter_waiting" and value:
                    found[labels.partition('"')[2].rstrip('"')] += int(value)
        most = sorted(found.items(), key=lambda one: -one[1])[:5]
        return ", ".join(f"{why} {count}" for why, count in most) or "nothing waits"

    def silence(self):
        return f"no figures: {', '.join(sorted(self.silent))}" if self.silent else ""

    def lines(self):
        """For a terminal, in place."""
        return ["", "  " + self.counts(),
                "  " + "   ".join(filter(None, (self.departures(), self.reasons(), self.silence())))]

    def plain(self):
        """A line where there is no terminal: now and then, and only if it says something new."""
        now = time.monotonic()
        if now < self.plain_due:
            return None
        self.plain_due = now + PLAIN_S
        said = "   ".join(filter(None, (self.counts(), self.departures(), self.silence())))
        if said == self.plain_said:
            return None
        self.plain_said = said
        return said
