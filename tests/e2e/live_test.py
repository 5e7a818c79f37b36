"""scripts/run as somebody at a terminal sees it: figures in place, logs above them."""

import os
import pty
import re
import signal
import subprocess
import sys
import threading

from harness import ROOT, die_with_parent, eventually
from supervised_test import Supervised

sys.path.insert(0, os.path.join(ROOT, "tests", "scripts"))

from screen_test import after  # noqa: E402


class Live(Supervised):
    def begin_on_a_terminal(self):
        self.master, slave = pty.openpty()
        self.addCleanup(os.close, self.master)
        self.process = subprocess.Popen(
            [os.path.join(ROOT, "scripts", "run"), "--data", self.data, "--port", str(self.port)],
            stdin=subprocess.DEVNULL, stdout=slave, stderr=slave,
            env={**os.environ, "TERM": "xterm"}, preexec_fn=lambda: die_with_parent(signal.SIGTERM))
        self.addCleanup(self.finish, self.process)
        os.close(slave)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            while data := os.read(self.master, 65536):
                self.said += data.decode(errors="replace")
        except OSError:
            pass  # the other side was closed

    def rows(self):
        return after(self.said.replace("\r\n", "\n"))

    def shown(self, pattern):
        return eventually(f"it shows {pattern}", lambda: re.search(pattern, "\n".join(self.rows()[-2:])),
                          30)

    def test_figures_are_redrawn_in_place(self):
        self.begin_on_a_terminal()
        self.shown(r"queued 0   waiting 0   sent 0   throttled 0   dead 0   0\.0/s")
        for number in range(11):  # the last one of them goes after a minute
            self.send(f"m-{number}")
        clock = r"\d\d:\d\d:\d\d"
        self.shown(r"queued ([2-9])   waiting \1   sent [3-9]   throttled 0   dead 0   \d\.\d/s\n"
                   rf"  next goes {clock}, last goes {clock}   behind \d, \w+ 1$")
        eventually("it is drawn again and again", lambda: self.said.count("throttled") > 4, 30)
        rows = self.rows()
        self.assertEqual(len([row for row in rows if "throttled" in row]), 1, rows)
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.process.wait(60), 0, self.said)
        eventually("what was said last is there",
                   lambda: any("run | stopped" in row for row in self.rows()))

    def test_plain_lines_elsewhere(self):
        self.usual().until("try:  curl")
        for number in range(5):
            self.send(f"m-{number}")
        self.until(r"run \| queued \d   waiting \d .*sent \d   throttled 0   dead 0   \d\.\d/s$")
        self.assertEqual(self.end(), 0, self.said)
        self.assertNotIn("\x1b", self.said)
