"""What is wrong is told clearly, and nothing else is disturbed."""

import json
import os
import socket
import subprocess

from harness import BIN, ROOT, EndToEnd, eventually, request


class FrontDoor(EndToEnd):
    def setUp(self):
        self.pipe = self.pipeline().start()
        self.addCleanup(self.nothing_disturbed)

    def nothing_disturbed(self):
        name = "after-" + self._testMethodName
        self.accept(self.pipe, {"messageId": name, "userId": "after"})
        eventually("the next one is delivered", lambda: self.pipe.state(name) == "delivered", 5)
        self.assertEqual(self.pipe.report()["bad"], 0)

    def assert_problem(self, answer, status, *words):
        self.assertEqual(answer.status, status, answer)
        self.assertIn("application/problem+json", answer.headers["content-type"])
        for word in words:
            self.assertIn(word, answer.body.decode())

    def raw(self, text):
        """An answer to bytes that no client of good manners would send."""
        with socket.create_connection(("127.0.0.1", self.pipe.port), timeout=5) as connection:
            connection.sendall(text)
            received = b""
            while data := connection.recv(65536):
                received += data
        return received.decode(errors="replace")

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
        self.pipe.settle(["a", "d"], 5)

    def test_two_content_lengths(self):
        body = b'{"messageId":"m","userId":"u"}'
        said = self.raw(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                        b"Content-Length: %d\r\nContent-Length: %d\r\n\r\n%s"
                        % (len(body), len(body) - 1, body))
        self.assertTrue(said.startswith("HTTP/1.1 400"), said)
        self.assertIn("connection: close", said.lower())

    def test_both_framings(self):
        said = self.raw(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        self.assertTrue(said.startswith("HTTP/1.1 400"), said)

    def test_no_host(self):
        said = self.raw(b"GET /v1/messages/x HTTP/1.1\r\nConnection: close\r\n\r\n")
        self.assertTrue(said.startswith("HTTP/1.1 400"), said)

    def test_unknown_id_and_path(self):
        self.assert_problem(request(self.pipe.port, "GET", "/v1/messages/nobody"), 404)
        self.assert_problem(request(self.pipe.port, "GET", "/v2"), 404)


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
        for name in ("ingest", "limiter", "auditor"):
            second = subprocess.run(pipeline.command(name), stdin=subprocess.DEVNULL, timeout=20,
                                    capture_output=True, text=True, check=False)
            self.assertNotEqual(second.returncode, 0, name)
        self.accept(pipeline, {"messageId": "m", "userId": "u"})
        eventually("m is delivered", lambda: pipeline.state("m") == "delivered", 5)


class Problems(EndToEnd):
    def test_every_problem_is_a_document(self):
        pipeline = self.pipeline().start()
        answer = pipeline.post({"messageId": "m"})
        problem = json.loads(answer.body)
        self.assertEqual(problem["status"], 400)
        self.assertTrue(problem["title"])
