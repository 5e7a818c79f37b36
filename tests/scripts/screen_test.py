"""What scripts/run shows: figures in place on a terminal, plain lines elsewhere, and no waiting."""

import contextlib
import os
import pty
import re
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

from supervise import figures, screen  # noqa: E402


def after(text):
    """The rows of a terminal that was given this: of all that it can do, what a Screen uses."""
    rows, row = [""], 0
    for up, erase, plain in re.findall(r"\x1b\[(\d+)A|(\r\x1b\[J)|([^\x1b]+)", text):
        if up:
            row -= int(up)
        elif erase:
            rows[row:] = [""]
        for char in plain.replace("\r", ""):
            if char == "\n":
                row += 1
                rows[row:] = rows[row:] or [""]
            else:
                rows[row] += char
    return rows[:-1]


class Terminal(unittest.TestCase):
    def setUp(self):
        self.master, slave = pty.openpty()
        self.addCleanup(os.close, self.master)
        self.addCleanup(os.close, slave)
        os.environ["TERM"] = "xterm"
        self.screen = screen.Screen(slave)
        self.addCleanup(os.close, self.screen.fd)
        os.set_blocking(self.master, False)
        self.seen = ""

    def read(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                self.seen += os.read(self.master, 65536).decode()

    def rows(self):
        self.read()
        return after(self.seen)

    def test_figures_stay_below_and_are_redrawn_in_place(self):
        self.assertTrue(self.screen.terminal)
        self.screen.say("one")
        self.screen.show(["sent 1", "why: -"])
        self.screen.say("two", "ingest")
        self.screen.show(["sent 2", "why: pacing"])
        self.assertEqual(self.rows(), ["       run | one", "    ingest | two", "sent 2", "why: pacing"])
        self.screen.show(["sent 3"])
        self.assertEqual(self.rows(), ["       run | one", "    ingest | two", "sent 3"])

    def test_figures_never_wrap(self):
        self.screen.show(["x" * 500])
        self.assertEqual(len(self.rows()[0]), 79)

    def test_a_reader_who_pauses_is_not_waited_for(self):
        """Nobody reads: everything goes on. Then the last lines are there, and how many are not."""
        for number in range(100_000):
            self.screen.say(f"line {number:06}")
        self.assertLess(self.screen.kept, screen.KEPT_MAX + 1)
        while not self.screen.flush():
            self.read()
        rows = self.rows()
        self.assertEqual(rows[-1], "       run | line 099999")
        told = [int(n) for n in re.findall(r"run \| (\d+) lines were left out", self.seen)]
        self.assertEqual(len([row for row in rows if "| line" in row]) + sum(told), 100_000)


class Pipe(unittest.TestCase):
    def setUp(self):
        self.reader, writer = os.pipe()
        self.writer = writer
        self.addCleanup(os.close, writer)
        self.screen = screen.Screen(writer)
        self.addCleanup(os.close, self.screen.fd)

    def test_plain_lines(self):
        self.addCleanup(os.close, self.reader)
        self.assertFalse(self.screen.terminal)
        self.screen.show(["sent 1"])
        self.screen.say("one")
        self.assertEqual(os.read(self.reader, 100), b"       run | one\n")
        self.assertTrue(os.get_blocking(self.writer))  # whoever shares it

    def test_nobody_reads_any_more(self):
        os.close(self.reader)
        self.screen.say("one")
        self.assertTrue(self.screen.unheard)
        self.screen.say("two")
        self.assertTrue(self.screen.flush())


class Counting(unittest.TestCase):
    def setUp(self):
        self.figures = figures.Figures(None, {"limiter": "127.0.0.1:1", "ingest": "127.0.0.1:2"})

    def test_a_process_that_began_again_does_not_take_away(self):
        line = 'sluice_limiter_attempts_total{{ended="delivered"}} {}\n'
        for value in (3, 10, 0, 4):
            self.figures.heard("limiter", line.format(value))
        self.assertEqual(self.figures.total("delivered"), 14)

    def test_several_of_a_stage_are_one(self):
        for name, sent, waiting, at in (("limiter", 5, 3, "2e9"), ("limiter-2", 7, 1, "1.9e9")):
            self.figures.heard(name, f'sluice_limiter_attempts_total{{ended="delivered"}} {sent}\n'
                               f'sluice_limiter_waiting{{why="pacing"}} {waiting}\n'
                               f"sluice_limiter_departure_next_seconds {at}\n")
        self.figures.heard("limiter", 'sluice_limiter_attempts_total{ended="delivered"} 1\n')
        self.assertEqual(self.figures.total("delivered"), 13)  # the first has begun again
        self.assertRegex(self.figures.departures(), r"^next goes 17 Mar \d\d:\d\d$")
        self.assertEqual(self.figures.reasons(), "pacing 1")

    def test_what_is_said_of_it(self):
        self.figures.heard("ingest", "# HELP x y\nsluice_rows_count 12\nsluice_dead_letters_count 2\n")
        self.figures.heard("limiter", 'sluice_limiter_waiting{why="pacing"} 3\n'
                           "sluice_limiter_departure_next_seconds 1.9e9\n")
        self.figures.lately.append((0.0, 0))
        self.assertEqual(self.figures.lines()[1],
                         "  queued 12   waiting 12   sent 0   throttled 0   dead 2   0.0/s")
        self.assertRegex(self.figures.lines()[2], r"^  next goes 17 Mar \d\d:\d\d   pacing 3$")
        self.figures.heard("ingest", None)
        self.assertRegex(self.figures.lines()[2], r"  pacing 3   no figures: ingest$")
        self.assertIn("queued 12", self.figures.lines()[1])  # what was known last


if __name__ == "__main__":
    unittest.main()
