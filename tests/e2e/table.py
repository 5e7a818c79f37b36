"""A DynamoDB as tests/tiny_dynamodb has it, and the table of deploy/dynamodb in it."""

import json
import os
import subprocess
import urllib.request

from harness import BIN, ROOT, die_with_parent, eventually, layout

NAME = "huntaze-sluice-parking"


class Tiny:
    def __init__(self):
        port, self.guard = layout.reserve_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [f"{BIN}/tiny-dynamodb", str(port)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
        eventually("the table's server listens", self._listens, 20)

    def _listens(self):
        try:
            return bool(self.counts())
        except OSError:
            return False

    def close(self):
        self.process.kill()
        self.process.wait()
        self.guard.close()

    def _ask(self, path, body=None, **headers):
        asked = urllib.request.Request(
            self.url + path, None if body is None else json.dumps(body).encode(), headers)
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)

    def call(self, operation, **body):
        return self._ask("/", body, **{"X-Amz-Target": f"DynamoDB_20120810.{operation}"})

    def counts(self):
        return self._ask("/tiny")

    def trouble(self, **what):
        self._ask("/tiny", what)

    def make_table(self):
        with open(os.path.join(ROOT, "deploy", "dynamodb", "parking.json"), encoding="utf-8") as file:
            self.call("CreateTable", **json.load(file))
        self.call("UpdateTimeToLive", TableName=NAME,
                  TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})

    def items(self, partition, store="ingest-1"):
        """Those of `store#partition`."""
        return self.call("Query", TableName=NAME, KeyConditionExpression="pk = :p",
                         ExpressionAttributeValues={":p": {"S": f"{store}#{partition}"}})["Items"]
