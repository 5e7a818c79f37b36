"""Costs are booked exactly, once; the budget's alert leaves once."""

import json
import os
import random
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from harness import EndToEnd, Recorder, eventually

BUDGET = '[[budget]]\nname = "test"\namount = "4.00"\nalert_at = ["100% actual"]\n'
FILE = '[[sink]]\nname = "file"\nkind = "file"\npath = "out/alerts.ndjson"\n'
OFTEN = {"alerter": ['follow_interval = "100ms"', 'backoff_base = "1s"', 'backoff_max = "2s"',
                     'group_wait = "0s"']}


def cost(number, amount, **more):
    return {"event_id": f"e-{number}", "provider": "openai", "agent": "writer",
            "type": "completion", "model": "gpt-4o", "units": 1200, "amount": str(amount), **more}


def thousand(chance):
    """A thousand costs, on two days, with amounts down to the nano-dollar."""
    return [cost(n, Decimal(chance.randrange(1, 20_000_000)) / 10**9, units=chance.randrange(5000),
                 provider=chance.choice(["openai", "anthropic"]),
                 agent=chance.choice(["writer", "reader", "chatter"]),
                 type=chance.choice(["completion", "image"]),
                 at=chance.choice(["2024-10-31T23:59:59.999999Z", "2024-11-01T00:00:00Z"]))
            for n in range(1000)]


def summed(costs):
    """What the ledger must hold: {(date, provider, agent, type): (nano-dollars, units, events)}."""
    sums = {}
    for entry in costs:
        place = (entry["at"][:10], entry["provider"], entry["agent"], entry["type"])
        nano, units, events = sums.get(place, (0, 0, 0))
        sums[place] = (nano + int(Decimal(entry["amount"]) * 10**9), units + entry["units"],
                       events + 1)
    return sums


class Booked(EndToEnd):
    def start(self, sinks=FILE):
        self.pipe = self.pipeline(more=BUDGET + sinks, stages=OFTEN).start()
        self.alerts = os.path.join(self.pipe.folder, "out", "alerts.ndjson")

    def alerted(self):
        if not os.path.exists(self.alerts):
            return []
        with open(self.alerts, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def book(self, entry):
        """As a client would: again while the answer is that it could not be booked now."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            answer = self.pipe.post(entry, path="/v1/costs")
            if answer.status != 503:
                return answer
            time.sleep(0.05)
        raise AssertionError(f"not booked: {answer}")

    def ledger(self, question):
        path = os.path.join(self.pipe.data, "auditor", "ledger.db")
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as connection:
            return connection.execute(question).fetchall()

    def booked(self):
        return {row[:4]: row[4:] for row in self.ledger(
            "SELECT date, provider, agent, type, amount_nano, units, events FROM costs")}


class Exact(Booked):
    def mixed(self):
        """A thousand, every tenth of them twice, in any order."""
        chance = random.Random(7)
        costs = thousand(chance)
        mixed = costs + chance.sample(costs, 100)
        chance.shuffle(mixed)
        return costs, mixed

    def assert_exact(self, costs):
        self.assertEqual(self.booked(), summed(costs))
        code, said = self.pipe.auditor("costs", "--month", "2024-11")
        self.assertEqual(code, 0, said)
        november = sum(Decimal(c["amount"]) for c in costs if c["at"] >= "2024-11")
        self.assertIn(str(november.normalize()), said)

    def test_a_thousand_with_duplicates(self):
        self.start()
        costs, mixed = self.mixed()
        with ThreadPoolExecutor(8) as clients:
            statuses = [answer.status for answer in clients.map(self.book, mixed)]
        # Of two that come in the same moment both hear that it was booked, once.
        self.assertEqual(set(statuses) | {200, 201}, {200, 201})
        self.assertGreaterEqual(statuses.count(201), 1000)
        self.assertEqual({self.book(entry).status for entry in mixed[:20]}, {200})
        self.assert_exact(costs)
        eventually("the alerts of both months left", lambda: len(self.alerted()) >= 2, 20)
        self.verify(self.pipe)
        self.assertEqual(set(self.pipe.stop().values()), {0})
        self.assertEqual(sorted(a["period"] for a in self.alerted()), ["2024-10", "2024-11"])

    def test_also_when_the_auditor_is_killed(self):
        self.start()
        costs, mixed = self.mixed()
        with ThreadPoolExecutor(8) as clients:
            asked = [clients.submit(self.book, entry) for entry in mixed]
            for done in (100, 400, 800):
                eventually(f"{done} are booked", lambda n=done: sum(a.done() for a in asked) >= n, 60)
                self.pipe.kill_and_restart("auditor")
            self.assertLessEqual({ask.result().status for ask in asked}, {200, 201})
        self.assert_exact(costs)
        eventually("the alerts of both months left", lambda: len(self.alerted()) >= 2, 20)
        self.verify(self.pipe)
        self.pipe.stop()
        self.assertEqual(sorted(a["period"] for a in self.alerted()), ["2024-10", "2024-11"])

    def test_a_wrong_cost_is_refused(self):
        self.start()
        for wrong in ({"amount": "a lot"}, {"amount": "0.0000000001"}, {"event_id": ""}):
            answer = self.pipe.post({**cost(1, "1"), **wrong}, path="/v1/costs")
            self.assertEqual(answer.status, 400, answer)
        self.assertEqual(self.booked(), {})
        self.assertEqual(self.book(cost(1, "1")).status, 201)
        self.assertEqual(self.book(cost(1, "2")).status, 422)  # booked with other bytes
        self.assertEqual(self.ledger("SELECT amount_nano FROM costs"), [(10**9,)])


class Once(Booked):
    """The budget's alert leaves once, wherever the alerter is killed."""

    def state(self, question):
        path = os.path.join(self.pipe.data, "alerter", "alerts.db")
        with sqlite3.connect(path, timeout=10) as connection:
            return connection.execute(question).fetchall()

    def assert_once(self):
        """More costs and restarts do not bring it again."""
        eventually("the alert left", self.alerted, 30)
        self.assertEqual(self.book(cost(2, "6.00")).status, 201)
        self.pipe.kill_and_restart("auditor")
        self.pipe.kill_and_restart("alerter")
        eventually("nothing is undelivered", lambda: self.state(
            "SELECT SUM(delivered), COUNT(*) FROM deliveries") == [(1, 1)])
        time.sleep(1)  # ten questions of the alerter
        self.pipe.stop()
        self.assertEqual(len(self.alerted()), 1, self.alerted())
        self.verify(self.pipe)

    def test_killed_between_write_and_output(self):
        """Written to its state, but the file cannot be made: then it is killed."""
        self.start()
        out = os.path.dirname(self.alerts)
        with open(out, "w", encoding="utf-8"):  # where the folder is to be
            pass
        self.book(cost(1, "6.00"))
        eventually("it is written, not delivered", lambda: self.state(
            "SELECT delivered FROM deliveries WHERE attempts > 0") == [(0,)])
        self.pipe.kill("alerter")
        self.assertEqual(self.alerted(), [])
        os.remove(out)
        self.pipe.start("alerter")
        self.assert_once()

    def test_killed_between_output_and_mark(self):
        """As after such a kill: in the file, and not marked."""
        self.start()
        self.book(cost(1, "6.00"))
        eventually("it is delivered", lambda: self.state(
            "SELECT delivered FROM deliveries") == [(1,)])
        self.pipe.kill("alerter")
        self.state("UPDATE deliveries SET delivered = 0")
        self.pipe.start("alerter")
        self.assert_once()

    def test_killed_again_and_again(self):
        self.start()
        self.pipe.kill("alerter")
        self.book(cost(1, "6.00"))
        for delay in (0, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15):
            self.pipe.start("alerter", ready=False)
            time.sleep(delay)
            self.pipe.kill("alerter")
        self.pipe.start("alerter")
        self.assert_once()

    def test_a_webhook_is_told_the_same_alert_again(self):
        """What it was told before the kill cannot be known: the same comes again, under its id."""
        hang = {"on": True}

        def act(door, _):
            while hang["on"]:
                time.sleep(0.01)

        webhook = Recorder(act)
        self.addCleanup(webhook.close)
        self.addCleanup(hang.update, on=False)
        self.start(f'[[sink]]\nname = "hook"\nkind = "webhook"\nurl = "{webhook.url}/alerts"\n')
        self.book(cost(1, "6.00"))
        eventually("the webhook was told", lambda: len(webhook.arrivals) == 1)
        self.pipe.kill("alerter")
        hang["on"] = False
        self.pipe.start("alerter")
        eventually("and again", lambda: self.state(
            "SELECT delivered FROM deliveries") == [(1,)], 20)
        time.sleep(1)
        self.assertEqual(len(webhook.arrivals), 2)
        first, second = ((h["idempotency-key"], body) for _, h, body in webhook.arrivals)
        self.assertEqual(first, second)
