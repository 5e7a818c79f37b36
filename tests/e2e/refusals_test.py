"""What is wrong is told clearly, and nothing else is disturbed."""

import json
import os
import socket
import subprocess

from harness import BIN, ROOT, EndToEnd, eventually, request


class Undisturbed(EndToEnd):
    """After each test the next message is delivered, and nothing arrived that was refused."""

    def setUp(self):
        self.pipe = self.pipeline().start()
        self.taken = 0  # how many messages of the test itself are to arrive
        self.accept(self.pipe, {"messageId": "before", "userId": "before"})
        self.addCleanup(self.nothing_disturbed)

    def nothing_disturbed(self):
        self.accept(self.pipe, {"messageId": "after", "userId": "after"})
        self.assertEqual(set(self.pipe.settle(["before", "after"], 10).values()), {"delivered"})
        report = self.pipe.report()
        self.assertEqual((report["arrivals"], report["bad"]), (2 + self.taken, 0))
        self.verify(self.pipe)


class FrontDoor(Undisturbed):
    def assert_problem(self, answer, status, *words):
        self.assertEqual(answer.status, status, answer)
        self.assertIn("application/problem+json", answer.headers["content-type"])
        for word in words:
            self.assertIn(word, answer.body.decode())

    def test_no_json(self):
        self.assert_problem(self.pipe.post(b'{"messageId":'), 400)

    def test_a_missing_key(self):
        self.assert_problem(self.pipe.post({"messageId": "m"}), 400, "/userId")

    def test_an_oversized_body(self):
        big = {"messageId": "big", "userId": "u", "content": "x" * 300_000}
        self.assert_problem(self.pipe.post(big), 413)

    def test_another_media_type(self):
        answer = self.pipe.post({"messageId": "m", "userId": "u"}, Content_Type="text/xml")
        self.assert_problem(answer, 415)

    def test_each_line_has_its_own_fate(self):
        lines = [b'{"messageId":"a","userId":"u"}', b'{"messageId":', b'{"messageId":"c"}',
                 b'{"messageId":"d","userId":"u"}']
        answer = self.pipe.post(b"\n".join(lines), Content_Type="application/x-ndjson")
        self.assertIn(answer.status, (200, 207), answer)
        self.assertEqual([line["status"] for line in answer.lines()], [202, 400, 400, 202], answer)
        self.assertEqual([line.get("line") for line in answer.lines()], [1, 2, 3, 4])
        self.assertIn("/userId", json.dumps(answer.lines()[2]))
        self.taken = 2
        self.assertEqual(set(self.pipe.settle(["a", "d"], 5).values()), {"delivered"})

    def test_each_line_of_a_file_has_its_own_fate(self):
        path = os.path.join(self.pipe.folder, "in.ndjson")
        with open(path, "wb") as file:
            file.write(b'{"messageId":"a","userId":"u"}\n{"messageId":\n{"messageId":"c"}\n'
                       b'{"messageId":"d","userId":"u"}\n')
        self.taken = 2
        for _ in (1, 2):  # the second time changes nothing
            code, said = self.verb("import", path)
            self.assertEqual(code, 0, said)
            self.assertRegex(said, r"\b2\b.*JSON")
            self.assertRegex(said, r"\b3\b.*/userId")
            self.assertIn("2 malformed", said)
        self.assertEqual(set(self.pipe.settle(["a", "d"], 10).values()), {"delivered"})
        code, said = self.verb("dead", "list")
        self.assertEqual((code, said.count("malformed")), (0, 2), said)
        code, said = self.verb("dead", "replay", "in.ndjson:2")
        self.assertEqual(code, 64, said)
        self.assertIn("is no message (malformed)", said)

    def verb(self, *words):
        run = subprocess.run([f"{BIN}/sluice-ingest", *words, "--settings", self.pipe.settings],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
                             check=False)
        return run.returncode, run.stdout + run.stderr

    def test_unknown_id_and_path(self):
        self.assert_problem(request(self.pipe.port, "GET", "/v1/messages/nobody"), 404)
        self.assert_problem(request(self.pipe.port, "GET", "/v2"), 404)


BODY = b'{"messageId":"m","userId":"u"}'
HEAD = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n"
SIZE = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"


class Framing(Undisturbed):
    """What two parties could read as different requests is refused, and the connection closed."""

    def raw(self, text):
        """An answer to bytes that no client of good manners would send."""
        with socket.create_connection(("127.0.0.1", self.pipe.port), timeout=5) as connection:
            connection.sendall(text)
            received = b""
            while data := connection.recv(65536):
                received += data
        return received.decode(errors="replace")

    def assert_refused(self, head, body=BODY):
        """Ended by CR LF or by LF alone, which RFC 9112 lets a server take for an end of line."""
        for text in (head, head.replace(b"\r\n", b"\n")):
            end = b"\r\n" if b"\r\n" in text else b"\n"
            with self.subTest(text):
                said = self.raw(text + end + body + HEAD + SIZE + end + BODY)  # and one behind it
                self.assertTrue(said.startswith("HTTP/1.1 400"), said)
                self.assertNotIn("HTTP/1.1 2", said)
                self.assertIn("connection: close", said.lower())
        self.assertEqual(request(self.pipe.port, "GET", "/v1/messages/m").status, 404)

    def test_two_content_lengths(self):
        self.assert_refused(HEAD + SIZE + b"Content-Length: 5\r\n")
        self.assert_refused(HEAD + SIZE + SIZE)
        self.assert_refused(HEAD + b"Content-Length: 30, 30\r\n")

    def test_no_number(self):
        for size in (b"+30", b"0x1e", b"-1", b"30 30"):
            self.assert_refused(HEAD + b"Content-Length: %s\r\n" % size)

    def test_both_framings(self):
        self.assert_refused(HEAD + SIZE + CHUNKED, b"0\r\n\r\n")
        self.assert_refused(HEAD + CHUNKED + SIZE, b"0\r\n\r\n")
        self.assert_refused(HEAD + b"X: a\n" + CHUNKED + SIZE, b"0\r\n\r\n")

    def test_other_codings(self):
        for coding in (b"xchunked", b"gzip, chunked", b"identity"):
            self.assert_refused(HEAD + b"Transfer-Encoding: %s\r\n" % coding, b"0\r\n\r\n")
        self.assert_refused(HEAD + CHUNKED + CHUNKED, b"0\r\n\r\n")

    def test_headers(self):
        self.assert_refused(HEAD + b"Host: y\r\n" + SIZE)
        self.assert_refused(HEAD.replace(b"Host: localhost\r\n", b"") + SIZE)
        self.assert_refused(HEAD + b"Content-Length : 30\r\n")
        self.assert_refused(HEAD + b"X: a\rContent-Length: 5\r\n" + SIZE)

    def test_lines_that_end_by_lf_are_one_request(self):
        self.taken = 1
        said = self.raw((HEAD + b"Connection: close\r\n" + SIZE + b"\r\n").replace(b"\r", b"")
                        + BODY)
        self.assertTrue(said.startswith("HTTP/1.1 202"), said)
        eventually("it is delivered", lambda: self.pipe.state("m") == "delivered")


class Lane(EndToEnd):
    def test_a_path_that_leaves_the_lane(self):
        pipeline = self.pipeline(more='[source]\npath = "/path"\n').start()
        for number, path in enumerate(("@evil/", "//evil/", "http://evil/", "/a b", "\\evil",
                                       "/a\r\nX: y", "")):
            answer = pipeline.post({"messageId": f"m-{number}", "userId": "u", "path": path})
            self.assertEqual(answer.status, 400, (path, answer))
            self.assertIn("/path", answer.body.decode())
        self.accept(pipeline, {"messageId": "good", "userId": "u", "path": "/good?x=1"})
        eventually("good", lambda: pipeline.state("good") == "delivered", 5)
        self.assertEqual(pipeline.report()["arrivals"], 1)


class Settings(EndToEnd):
    """Each stage refuses what is wrong with file and line, and exits 78."""

    def check(self, text, name="limiter"):
        pipeline = self.pipeline(more=text)
        run = subprocess.run(pipeline.command(name) + ["--check"], stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=20, check=False)
        return run.returncode, run.stdout + run.stderr

    def test_right(self):
        for name in ("ingest", "limiter", "dispatcher", "auditor", "alerter"):
            code, said = self.check("", name)
            self.assertEqual(code, 0, said)

    def test_the_example_is_right(self):
        for name in ("ingest", "limiter", "dispatcher", "auditor", "alerter"):
            run = subprocess.run(
                [f"{BIN}/sluice-{name}", "--check", "--settings",
                 os.path.join(ROOT, "deploy", "examples", "sluice.toml")],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_out_of_range(self):
        code, said = self.check('[[limit]]\nupstream = "onlyfans"\nn = 0\n')
        self.assertEqual(code, 78, said)
        self.assertRegex(said, r"sluice\.toml:\d+.*\bn\b")

    def test_an_unknown_name(self):
        code, said = self.check('[[limit]]\nupstream = "onlyfans"\nwindwo = "60s"\n')
        self.assertEqual(code, 78, said)
        self.assertIn("windwo", said)
        self.assertIn("window", said)

    def test_time_scale_at_a_strangers_server(self):
        for name in ("ingest", "limiter", "dispatcher"):
            pipeline = self.pipeline(url="http://192.0.2.1")
            run = subprocess.run(pipeline.command(name) + ["--check"], stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual(run.returncode, 78, run.stdout + run.stderr)
            self.assertIn("time_scale", run.stdout + run.stderr)

    def test_an_unknown_flag(self):
        run = subprocess.run([f"{BIN}/sluice-limiter", "--nonsense"], stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(run.returncode, 64, run.stderr)


class Taken(EndToEnd):
    def taken(self, name, port, *words):
        pipeline = self.pipeline()
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port(pipeline)))
            other.listen()
            run = subprocess.run(pipeline.command(name), stdin=subprocess.DEVNULL, timeout=20,
                                 capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 75, run.stdout + run.stderr)
        for word in words + (str(port(pipeline)),):
            self.assertIn(word, run.stdout + run.stderr)

    def test_the_front_door(self):
        self.taken("ingest", lambda p: p.port, "listen")

    def test_a_health_port(self):
        self.taken("auditor", lambda p: p.health("auditor"), "health_listen")

    def test_two_on_one_data_directory(self):
        pipeline = self.pipeline().start()
        for name in ("ingest", "limiter", "dispatcher", "auditor", "alerter"):
            other = ["--health-listen", "127.0.0.1:0"]
            other += ["--listen", "127.0.0.1:0"] if name == "ingest" else []
            second = subprocess.run(pipeline.command(name) + other, stdin=subprocess.DEVNULL,
                                    timeout=20, capture_output=True, text=True, check=False)
            said = second.stdout + second.stderr
            self.assertEqual(second.returncode, 75, said)
            self.assertIn(f"locked by process {pipeline.processes[name].pid}", said)
        self.accept(pipeline, {"messageId": "m", "userId": "u"})
        eventually("m is delivered", lambda: pipeline.state("m") == "delivered", 5)


class Problems(EndToEnd):
    def test_every_problem_is_a_document(self):
        pipeline = self.pipeline().start()
        answer = pipeline.post({"messageId": "m"})
        problem = json.loads(answer.body)
        self.assertEqual(problem["status"], 400)
        self.assertTrue(problem["title"])
