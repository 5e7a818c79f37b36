"""A full disk, and damaged files: clear errors, nothing that was acknowledged is lost, and the
service goes on when there is room."""

import contextlib
import os
import subprocess
import tempfile

from harness import BIN, EndToEnd, Pipeline, eventually, request

ROOM = 24 * 1024 * 1024


def may_mount():
    """Whether a file system may be mounted here, in a namespace of its own."""
    return subprocess.run(["unshare", "-m", "true"], check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


class SmallDisk(Pipeline):
    """A pipeline whose data directory is a small disk, in a mount namespace that ends with it."""

    def __init__(self, folder, **options):
        super().__init__(folder, **options)
        os.makedirs(self.data, exist_ok=True)
        script = (f"mount -t tmpfs -o size={ROOM} tmpfs {self.data} && echo ready && "
                  "exec sleep 600")
        self.keeper = subprocess.Popen(["unshare", "-m", "sh", "-c", script],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True)
        if self.keeper.stdout.readline() != "ready\n":
            raise AssertionError("the small disk could not be mounted")

    def command(self, name):
        inside = ["nsenter", f"--mount=/proc/{self.keeper.pid}/ns/mnt"]
        return inside + super().command(name)

    def auditor(self, *arguments):
        run = subprocess.run(["nsenter", f"--mount=/proc/{self.keeper.pid}/ns/mnt",
                              f"{BIN}/sluice-auditor", *arguments, "--settings", self.settings],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
                             stderr=subprocess.STDOUT, text=True, timeout=60, cwd=self.folder)
        return run.returncode, run.stdout

    def seen(self, *path):
        """A file of the small disk, from outside of its namespace."""
        return os.path.join(f"/proc/{self.keeper.pid}/root", self.data.lstrip("/"), *path)

    def fill(self):
        """Not a page is left free."""
        with open(self.seen("filler"), "ab", buffering=0) as file:
            for size in (1 << 20, 4096):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"\0" * size)

    def make_room(self):
        os.unlink(self.seen("filler"))

    def close(self):
        self.keeper.kill()
        self.keeper.wait()
        self.keeper.stdout.close()


class FullDisk(EndToEnd):
    def setUp(self):
        if not may_mount():
            self.skipTest("no mount namespace can be made here")
        scratch = tempfile.TemporaryDirectory(prefix="sluice-", ignore_cleanup_errors=True)
        self.addCleanup(scratch.cleanup)
        self.pipe = SmallDisk(scratch.name)
        self.addCleanup(self.pipe.close)
        self.addCleanup(self.end, self.pipe)
        self.pipe.start()

    def post(self, name, size=2000):
        document = {"messageId": name, "userId": name, "content": "x" * size}
        return self.pipe.post(document, Prefer="respond-async")

    def test_what_was_taken_is_delivered_when_there_is_room(self):
        taken = ["before"]
        self.assertEqual(self.post("before").status, 202)
        self.pipe.settle(["before"], 20)
        self.pipe.fill()
        refused = None
        for n in range(200):
            answer = self.post(f"m{n}")
            if answer.status == 202:
                taken.append(f"m{n}")
                continue
            refused = answer
            break
        self.assertIsNotNone(refused, "the disk was full, and messages were taken")
        self.assertEqual(refused.status, 503, refused)
        self.assertIn("retry-after", refused.headers)
        self.assertIn("full", refused.body.decode())
        self.assertIn("problem+json", refused.headers["content-type"])
        ready = request(self.pipe.health("ingest"), "GET", "/readyz")
        self.assertEqual(ready.status, 503, ready)
        self.assertIn("full", ready.body.decode())
        self.assertEqual(request(self.pipe.health("ingest"), "GET", "/healthz").status, 200)
        self.pipe.make_room()
        # Who ended for want of room is started again, as a supervisor does.
        for name in self.pipe.names():
            if self.pipe.processes[name].poll() is not None:
                self.assertIn(self.pipe.processes[name].returncode, (75,), self.pipe.log(name))
                self.pipe.start(name, ready=False)
        eventually("it takes messages again", lambda: self.post("after").status == 202, 30)
        taken.append("after")
        states = self.pipe.settle(taken, 60)
        self.assertEqual(set(states.values()), {"delivered"}, states)
        self.assertEqual(request(self.pipe.health("ingest"), "GET", "/readyz").status, 200)
        report = self.pipe.report()
        self.assertEqual(report["bad"], 0, report)
        self.assertGreaterEqual(report["arrivals"], len(taken))


class DamagedFiles(EndToEnd):
    """Each database in turn."""

    def setUp(self):
        self.pipe = self.pipeline().start()
        for n in range(30):
            self.accept(self.pipe, {"messageId": f"m{n}", "userId": f"u{n}", "content": "x" * 500})
        self.pipe.settle([f"m{n}" for n in range(30)], 30)
        cost = {"event_id": "e1", "provider": "openai", "agent": "a", "type": "chat",
                "amount": "0.01"}
        self.assertIn(self.pipe.post(cost, path="/v1/costs").status, (200, 201))
        self.pipe.stop()

    def files_of(self, stage):
        folder = os.path.join(self.pipe.data, stage)
        return sorted(name for name in os.listdir(folder) if name.endswith(".db"))

    def damage(self, path, offset, size):
        with open(path, "r+b") as file:
            whole = file.read()
            file.seek(offset)
            file.write(b"\xa5" * size)
        return whole

    def refuses(self, stage, path):
        run = subprocess.Popen(self.pipe.command(stage), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               cwd=self.pipe.folder)
        try:
            said = run.communicate(timeout=30)[0]
        except subprocess.TimeoutExpired:
            run.kill()
            said = run.communicate()[0]
            self.fail(f"{stage} runs on a damaged {path}:\n{said[-2000:]}")
        self.assertEqual(run.returncode, 75, f"{path}\n{said}")
        self.assertIn(os.path.basename(path), said)
        self.assertRegex(said, "restore|backup", said)

    def test_a_damaged_header_is_named(self):
        seen = 0
        for stage in ("ingest", "limiter", "auditor", "alerter"):
            for name in self.files_of(stage):
                with self.subTest(stage=stage, file=name):
                    path = os.path.join(self.pipe.data, stage, name)
                    whole = self.damage(path, 0, 100)
                    try:
                        self.refuses(stage, path)
                        seen += 1
                    finally:
                        with open(path, "wb") as file:
                            file.write(whole)
        self.assertGreaterEqual(seen, 4)
        self.pipe.start()
        self.accept(self.pipe, {"messageId": "after", "userId": "after"})
        self.pipe.settle(["after"], 20)
