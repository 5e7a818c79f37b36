"""An import that is killed goes on where it was, and doubles nothing."""

import os
import signal
import sqlite3
import subprocess

from harness import BIN, EndToEnd, eventually


class Resume(EndToEnd):
    lines = 150_000

    def setUp(self):
        self.made = self.pipeline()
        self.file = os.path.join(self.made.folder, "messages.ndjson")
        self.write_lines(0)

    def write_lines(self, first):
        """Lines without ids: each time that one is read it is another message."""
        with open(self.file, "w", encoding="utf-8") as file:
            for number in range(first, first + self.lines):
                file.write('{"userId":"u%d","n":%d}\n' % (number % 100, number))

    def begin(self, *more):
        return subprocess.Popen(
            [f"{BIN}/sluice-ingest", "import", self.file, *more, "--settings", self.made.settings],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run_import(self, *more):
        process = self.begin(*more)
        said, _ = process.communicate(timeout=120)
        return process.returncode, said

    def ask(self, question):
        path = os.path.join(self.made.data, "ingest", "parking.db")
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            return database.execute(question).fetchone()
        except sqlite3.OperationalError:  # not made yet
            return None
        finally:
            database.close()

    def position(self):
        if not os.path.exists(os.path.join(self.made.data, "ingest", "parking.db")):
            return 0
        return (self.ask("SELECT lines FROM imports") or (0,))[0]

    def kill_after(self, lines, *more):
        process = self.begin(*more)
        eventually(f"{lines} lines are in", lambda: self.position() >= lines, 60)
        process.kill()
        said, _ = process.communicate(timeout=30)
        self.assertEqual(process.returncode, -signal.SIGKILL, said)
        return said

    def test_a_killed_import_goes_on(self):
        self.kill_after(1)
        self.kill_after(self.position() + 1_000, "--resume")
        place = self.position()
        self.assertTrue(0 < place < self.lines, place)
        self.assertEqual(self.ask("SELECT count(*) FROM messages"), (place,))
        code, said = self.run_import("--resume")
        self.assertEqual(code, 0, said)
        self.assertIn(f"goes on after line {place}", said)
        self.assertEqual(self.ask("SELECT count(*) FROM messages"), (self.lines,))
        code, said = self.run_import("--resume")
        self.assertEqual((code, self.ask("SELECT count(*) FROM messages")), (0, (self.lines,)), said)

    def test_another_file_is_refused(self):
        self.kill_after(1)
        place = self.position()
        self.write_lines(7)
        code, said = self.run_import("--resume")
        self.assertEqual(code, 64, said)
        self.assertIn("messages.ndjson is not the file", said)
        self.assertEqual(self.ask("SELECT count(*) FROM messages"), (place,))

    def test_a_stream_cannot_be_gone_back_to(self):
        self.file = "-"
        code, said = self.run_import("--resume")
        self.assertEqual(code, 64, said)
        self.assertIn("regular file", said)


class Beside(Resume):
    """A running ingest goes on beside an import: nobody waits for its end."""

    lines = 60_000
    test_a_killed_import_goes_on = test_another_file_is_refused = None
    test_a_stream_cannot_be_gone_back_to = None

    def test_others_are_taken_and_sent_meanwhile(self):
        self.addCleanup(self.end, self.made)
        self.made.start()
        running, names = self.begin(), []
        while running.poll() is None:
            names.append(f"meanwhile-{len(names)}")
            self.accept(self.made, {"messageId": names[-1], "userId": names[-1]})
            self.made.settle(names[-1:], 10)
        self.assertEqual(running.returncode, 0, running.communicate()[0])
        self.assertGreater(len(names), 5)
        self.assertNotIn("parking failed", self.made.log("ingest"))
