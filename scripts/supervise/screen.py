"""What scripts/run says: lines, and on a terminal figures below them that are redrawn in place."""

import collections
import os
import stat
import time

KEPT_MAX = 1 << 20  # bytes of lines for a reader that pauses
PIECE_MAX = 1 << 16


def of_its_own(fd):
    """The same terminal or pipe, opened anew not to wait for its reader: the way in which others,
    a shell, say, use it must stay as it is. A file never makes anybody wait."""
    mode = os.fstat(fd).st_mode
    if stat.S_ISFIFO(mode) or os.isatty(fd):
        try:
            return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:
            pass
    return fd


class Screen:
    """Never waits for its reader. What is not read is kept up to KEPT_MAX; beyond, the oldest lines
    are left out, and it says how many. Where nobody reads any more, as after `| head`, it is
    `unheard` and goes on without."""

    def __init__(self, fd=1):
        self.fd = of_its_own(fd)
        self.terminal = os.isatty(self.fd) and os.environ.get("TERM", "dumb") != "dumb"
        self.unheard = False
        self.lines, self.kept, self.left_out = collections.deque(), 0, 0
        self.figures, self.shown, self.drawn = [], [], 0  # wanted; given to the terminal; its rows
        self.pending = b""

    def say(self, text, name="run"):
        line = f"{name:>10} | {text}\n".encode()
        self.lines.append(line)
        self.kept += len(line)
        while self.kept > KEPT_MAX:
            self.kept -= len(self.lines.popleft())
            self.left_out += 1
        self.flush()

    def show(self, figures):
        """Takes the place of the figures that were shown before."""
        self.figures = figures if self.terminal else []
        self.flush()

    def flush(self):
        """Gives away what the reader takes now; True if that was everything."""
        self.pending = self.pending or self.next_piece()
        while self.pending:
            try:
                self.pending = self.pending[os.write(self.fd, self.pending):]
            except BlockingIOError:
                return False
            except OSError:
                self.unheard = True
                self.fd = os.open(os.devnull, os.O_WRONLY)
            self.pending = self.pending or self.next_piece()
        return True

    def next_piece(self):
        if not self.lines and self.figures == self.shown:
            return b""
        piece = [f"\x1b[{self.drawn}A\r\x1b[J".encode()] if self.drawn else []
        if self.left_out:
            piece.append(f"{'run':>10} | {self.left_out} lines were left out: nobody read\n".encode())
            self.left_out = 0
        size = 0
        while self.lines and size < PIECE_MAX:
            size += len(self.lines[0])
            piece.append(self.lines.popleft())
        self.kept -= size
        width = self.columns() - 1
        piece += [f"{line[:width]}\n".encode() for line in self.figures]
        self.shown, self.drawn = self.figures, len(self.figures)
        return b"".join(piece)

    def columns(self):
        try:
            return os.get_terminal_size(self.fd).columns or 80
        except OSError:
            return 80

    def close(self, seconds=1.0):
        """What is said last is for a reader who is there; one who pauses is not waited for."""
        end = time.monotonic() + seconds
        while not self.flush() and time.monotonic() < end:
            time.sleep(0.02)
