"""Costs are booked exactly, once; the budget's alert leaves once."""

import json
import os
import random
import sqlite3
import time
from decimal import Decimal

from harness import EndToEnd, eventually

BUDGET = '[[budget]]\nname = "test"\namount = "5.00"\n'


def cost(number, amount):
    return {"event_id": f"e-{number}", "provider": "openai", "agent": "writer",
            "type": "completion", "model": "gpt-4o", "units": 1200, "amount": str(amount)}


class Costs(EndToEnd):
    def start(self):
        pipeline = self.pipeline(more=BUDGET + self.sink())
        self.alerts = os.path.join(pipeline.folder, "alerts.ndjson")
        return pipeline.start()

    def sink(self):
        return '[[sink]]\nname = "file"\nkind = "file"\npath = "alerts.ndjson"\n'

    def alerted(self):
        if not os.path.exists(self.alerts):
            return []
        with open(self.alerts, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def book(self, pipeline, costs):
        for entry in costs:
            answer = pipeline.post(entry, path="/v1/costs")
            self.assertIn(answer.status, (200, 201, 202), answer)

    def spent(self, pipeline):
        """What the ledger's rows sum up to, in nano-dollars."""
        ledger = os.path.join(pipeline.data, "auditor", "ledger.db")
        with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as connection:
            return connection.execute("SELECT SUM(amount_nano), SUM(events) FROM costs").fetchone()

    def test_a_thousand_with_duplicates(self):
        pipeline = self.start()
        chance = random.Random(7)
        costs = [cost(n, Decimal(chance.randrange(1, 20_000_000)) / 10**9) for n in range(1000)]
        mixed = costs + [chance.choice(costs) for _ in range(100)]
        chance.shuffle(mixed)
        self.book(pipeline, mixed)
        wanted = int(sum(Decimal(c["amount"]) for c in costs) * 10**9)
        self.assertGreater(wanted, 5 * 10**9)
        eventually("all is booked", lambda: self.spent(pipeline) == (wanted, 1000), 10)
        eventually("the alert left", lambda: len(self.alerted()) == 1, 15)
        self.verify(pipeline)
        pipeline.stop()
        self.assertEqual(len(self.alerted()), 1)

    def test_once_also_when_the_alerter_is_killed(self):
        pipeline = self.start()
        pipeline.kill("alerter")
        self.book(pipeline, [cost(1, "6.00")])
        for delay in (0, 0.01, 0.02, 0.05, 0.1, 0.3, 0.6, 0.9, 1.0, 1.1):  # it asks each second
            pipeline.start("alerter")
            time.sleep(delay)
            pipeline.kill("alerter")
        pipeline.start("alerter")
        eventually("the alert left", lambda: self.alerted(), 20)
        self.book(pipeline, [cost(2, "6.00")])
        pipeline.kill_and_restart("auditor")
        pipeline.kill_and_restart("alerter")
        self.assertEqual(len({alert["alert_id"] for alert in self.alerted()}), 1)
        self.assertEqual(len(self.alerted()), 1, self.alerted())
        self.verify(pipeline)

    def test_a_wrong_cost_is_refused(self):
        pipeline = self.start()
        for wrong in ({"amount": "a lot"}, {"amount": "0.0000000001"}, {"event_id": ""}):
            answer = pipeline.post({**cost(1, "1"), **wrong}, path="/v1/costs")
            self.assertIn(answer.status, (400, 422), answer)
