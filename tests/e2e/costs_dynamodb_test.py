"""Costs in a table of DynamoDB: booked exactly, once, whoever is killed or away.

On tests/tiny_dynamodb: what moto undoes of a cancelled transaction it takes from a copy of all
tables, so that of two at the same time one may undo the other."""

import os
import random
import signal
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from unittest import mock

import costs_test
import moto
import table
from harness import eventually, request

TABLE = "huntaze-ai-costs-production"


@unittest.skipIf(moto.absent(), moto.absent())
class InATable(costs_test.Booked):
    minutes = 5

    def setUp(self):
        super().setUp()
        environment = mock.patch.dict(os.environ, moto.CREDENTIALS)
        environment.start()
        self.addCleanup(environment.stop)
        self.table = table.Tiny()
        self.addCleanup(self.table.close)
        self.pipe = self.pipeline(
            url=self.recorder().url, time_scale=0.05,
            more=costs_test.BUDGET + costs_test.FILE +
            f'[aws]\nregion = "{moto.REGION}"\nendpoint = "{self.table.url}"\n',
            stages={**costs_test.OFTEN, "auditor": ['ledger = "dynamodb"', 'stop_timeout = "3s"']})
        self.alerts = os.path.join(self.pipe.folder, "out", "alerts.ndjson")

    def make_table(self):
        moto.boto3(self.table.url, f"""
key = [{{"AttributeName": "pk", "KeyType": "HASH"}}, {{"AttributeName": "sk", "KeyType": "RANGE"}}]
client("dynamodb").create_table(
    TableName={TABLE!r}, KeySchema=key, BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{{"AttributeName": one["AttributeName"], "AttributeType": "S"}}
                          for one in key])""")

    def items(self, *partitions):
        """[{attribute: text}]"""
        return moto.boto3(self.table.url, f"""
said = []
for one in {partitions!r}:
    found = client("dynamodb").query(TableName={TABLE!r}, KeyConditionExpression="pk = :p",
                                     ExpressionAttributeValues={{":p": {{"S": one}}}},
                                     ConsistentRead=True)
    said += [{{name: list(value.values())[0] for name, value in item.items() if "B" not in value}}
             for item in found["Items"]]""")

    def booked(self):
        days = [f"COST#{date}#{provider}" for date in ("2024-10-31", "2024-11-01")
                for provider in ("openai", "anthropic")]
        return {(one["date"], one["provider"], one["agent"], one["type"]):
                (int(one["amount_nano"]), int(one["units"]), int(one["events"]))
                for one in self.items(*days)}

    def test_a_thousand_with_duplicates_while_the_auditor_is_killed(self):
        self.make_table()
        self.pipe.start()
        chance = random.Random(7)
        costs = costs_test.thousand(chance)
        mixed = costs + chance.sample(costs, 100)
        chance.shuffle(mixed)
        with ThreadPoolExecutor(8) as clients:
            asked = [clients.submit(self.book, entry) for entry in mixed]
            for done in (100, 400, 800):
                eventually(f"{done} are booked",
                           lambda n=done: sum(a.done() for a in asked) >= n, 90)
                self.pipe.kill_and_restart("auditor")
            self.assertLessEqual({ask.result().status for ask in asked}, {200, 201})
        self.assertEqual(self.booked(), costs_test.summed(costs))
        events = [f"EVENT#e-{number}" for number in range(1000)]
        self.assertEqual({one["pk"] for one in self.items(*events)}, set(events))
        months = self.items("MONTH#2024-10", "MONTH#2024-11")
        self.assertEqual(sum(int(one["amount_nano"]) for one in months),
                         sum(int(Decimal(c["amount"]) * 10**9) for c in costs))
        code, said = self.pipe.auditor("costs", "--month", "2024-11")
        self.assertEqual(code, 0, said)
        november = sum(Decimal(c["amount"]) for c in costs if c["at"] >= "2024-11")
        self.assertIn(str(november.normalize()), said)
        eventually("the alerts of both months left", lambda: len(self.alerted()) >= 2, 20)
        self.pipe.stop()
        self.assertEqual(sorted(a["period"] for a in self.alerted()), ["2024-10", "2024-11"])

    def test_messages_go_on_while_the_table_is_away(self):
        self.pipe.start()
        entry = costs_test.cost(1, "1")
        self.assertEqual(self.pipe.post(entry, path="/v1/costs").status, 503)
        eventually("it is said", lambda: "costs cannot be booked" in self.pipe.log("auditor"), 60)
        self.assertIn("ResourceNotFoundException", self.pipe.log("auditor"))
        self.accept(self.pipe, {"messageId": "m-1", "userId": "u"})
        self.assertEqual(self.pipe.settle(["m-1"], 30), {"m-1": "delivered"})
        self.assertIn("sluice_costs_away 1", self.figures())
        self.make_table()
        self.assertIn(self.book(entry).status, (200, 201))
        self.assertEqual([one["events"] for one in self.items(f"MONTH#{self.month()}")], ["1"])

    def test_messages_go_on_while_the_table_is_silent(self):
        self.make_table()
        self.pipe.start()
        self.table.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.table.process.send_signal, signal.SIGCONT)
        entry = costs_test.cost(1, "1")
        with ThreadPoolExecutor(1) as client:
            asked = client.submit(self.pipe.post, entry, path="/v1/costs")
            eventually("the auditor has it", lambda: "sluice_room 19999" in self.figures(), 20)
            self.assertGreaterEqual(self.settled_before("costs cannot be booked"), 2)
            self.assertEqual(asked.result().status, 503)
        self.assertIn("NoAnswer", self.pipe.log("auditor"))
        auditor = self.pipe.processes.pop("auditor")
        auditor.terminate()
        self.assertEqual(auditor.wait(40), 0)
        self.table.process.send_signal(signal.SIGCONT)
        self.pipe.start("auditor")
        self.assertIn(self.book(entry).status, (200, 201))
        self.assertEqual([one["events"] for one in self.items(f"MONTH#{self.month()}")], ["1"])

    def settled_before(self, word):
        """How many messages have gone through, one after the other, before the auditor says it."""
        end = time.monotonic() + 60
        settled = 0
        while time.monotonic() < end:
            name = f"m-{settled}"
            self.accept(self.pipe, {"messageId": name, "userId": name})
            self.assertEqual(self.pipe.settle([name], 30), {name: "delivered"})
            if word in self.pipe.log("auditor"):
                return settled
            settled += 1
        raise AssertionError(f"never said: {word}")

    def figures(self):
        return request(self.pipe.health("auditor"), "GET", "/metrics").body.decode()

    @staticmethod
    def month():
        return time.strftime("%Y-%m", time.gmtime())
