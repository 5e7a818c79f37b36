"""Who listens where, and what sluice-upstream bans by: as the stages' own settings say."""

import os
import socket
import sys
import tempfile
import types
import unittest
from unittest import mock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

from supervise import layout  # noqa: E402


def settings(url="http://127.0.0.1:8090", **more):
    return {"upstream": [{"name": "elsewhere", "url": "http://127.0.0.1:1"},
                         {"name": "a", "url": url}],
            "limit": [{"upstream": "a", "scope": "upstream", "n": 100, "window": "1s"},
                      {"upstream": "a", "scope": "key", "n": 20, "window": "29970ms"}], **more}


def told(**more):
    return types.SimpleNamespace(**{"port": None, "upstream": None, **more})


class Written(unittest.TestCase):
    """The settings of a run without a file."""

    def written(self, environment=None, ingests=1, **more):
        flags = {"sqs": None, "dlq": None, "aws_endpoint": None, "counts": {"ingest": ingests}, **more}
        with tempfile.TemporaryDirectory() as data, \
                mock.patch.dict(os.environ, environment or {}, clear=True):
            return layout.read(layout.default_settings(told(**flags), data, 1.0))

    def test_without_a_queue_there_is_none(self):
        found = self.written()
        self.assertFalse({"aws", "queue"} & set(found))
        self.assertNotIn("ingest_stores", found["limiter"])

    def test_a_queue_on_an_emulator(self):
        found = self.written(sqs="http://h:1/0/q", dlq="http://h:1/0/d", aws_endpoint="http://h:1")
        self.assertEqual(found["queue"], [{"name": "http://h:1/0/q",
                                           "dead_letter_queue": "http://h:1/0/d"}])
        self.assertEqual(found["aws"], {"region": "us-east-1", "endpoint": "http://h:1"})

    def test_a_queue_s_url_says_its_region(self):
        url = "https://sqs.eu-west-1.amazonaws.com/123456789012/q"
        self.assertEqual(self.written(sqs=url)["aws"], {"region": "eu-west-1"})
        self.assertEqual(self.written({"AWS_REGION": "eu-west-2"}, sqs=url)["aws"], {})
        self.assertEqual(self.written(sqs="q")["aws"], {})

    def test_each_ingest_s_store_is_waited_for(self):
        self.assertEqual(self.written(ingests=2)["limiter"]["ingest_stores"], ["ingest-1", "ingest-2"])


class OwnUpstream(unittest.TestCase):
    def test_it_bans_by_the_limit_of_the_settings(self):
        self.assertEqual(layout.own_upstream(told(), settings(source=[{"key": "/u"}])),
                         ["--listen=127.0.0.1:8090", "--key=body:/u", "--n=20", "--window=29.97"])
        self.assertIn("--key=body:/userId", layout.own_upstream(told(), settings()))

    def test_it_bans_by_the_lowest_rate_that_rules(self):
        more = [{"upstream": "a", "n": 2, "window": "1min", "kind": "concurrency"},
                {"upstream": "a", "n": 1, "window": "1min", "shadow": True},
                {"upstream": "a", "n": 300, "window": "1h"},
                {"upstream": "a", "n": 10, "window": "1min"}]
        flags = layout.own_upstream(told(), settings(limit=more))
        self.assertEqual(flags[2:], ["--n=300", "--window=3600"])

    def test_only_where_messages_go_there(self):
        self.assertEqual(layout.own_upstream(told(), settings("http://127.0.0.1:8091")), [])
        self.assertEqual(layout.own_upstream(told(port=9000), settings()), [])
        self.assertTrue(layout.own_upstream(told(port=9000), settings("http://127.0.0.1:9010/")))
        self.assertEqual(layout.own_upstream(told(upstream="http://127.0.0.1:8090"), settings()), [])

    def test_durations(self):
        for text, value in (("9s", 9), ("1min", 60), ("2h", 7200), ("4d", 345600), ("0s", 0),
                            ("250us", 0.00025)):
            self.assertAlmostEqual(layout.seconds(text), value)


class Ports(unittest.TestCase):
    def code(self, address):
        try:
            layout.check_ports({"ingest.listen": address})
        except layout.Stop as stop:
            return stop.code
        return 0

    def test_taken_free_and_unknown(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            address = "127.0.0.1:%d" % other.getsockname()[1]
            self.assertEqual(self.code(address), 75)
        self.assertEqual(self.code(address), 0)
        self.assertEqual(self.code("127.0.0.1:0"), 78)

    def test_ipv6_where_the_machine_has_it(self):
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
                port, wanted = probe.getsockname()[1], 0
        except OSError:
            port, wanted = 8080, 75
        self.assertEqual(self.code(f"[::1]:{port}"), wanted)

    def test_two_that_reserve_do_not_meet(self):
        first, guard = layout.reserve_ports(11)
        second, other = layout.reserve_ports(11)
        with guard, other:
            self.assertGreaterEqual(abs(first - second), 16)


class Data(unittest.TestCase):
    def test_environment_file_and_neither(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write('[sluice]\ndata_dir = "of-the-file"\n')
            file.flush()
            with mock.patch.dict(os.environ):
                os.environ.pop("SLUICE_DATA_DIR", None)
                self.assertEqual(layout.data_dir(file.name), "of-the-file")
                self.assertEqual(layout.data_dir(None), "data")
                os.environ["SLUICE_DATA_DIR"] = "/told"
                self.assertEqual(layout.data_dir(file.name), "/told")

    def test_held_by_one(self):
        with tempfile.TemporaryDirectory() as folder, layout.alone(folder):
            with self.assertRaises(layout.Stop) as caught, layout.alone(folder):
                pass
            self.assertEqual(caught.exception.code, 75)
            self.assertIn(f"pid {os.getpid()}", str(caught.exception))
