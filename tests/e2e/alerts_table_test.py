"""Alerts are recorded in a table of DynamoDB, with what became of them at each sink."""

import moto
from harness import eventually

TABLE = "huntaze-cost-alerts-production"


class Recorded(moto.OnMoto):
    def setUp(self):
        super().setUp()
        self.hook = self.recorder(self.act)
        self.takes = True
        self.made = self.pipeline(
            url=self.recorder().url, time_scale=0.05,
            stages={"alerter": [f'alerts_table = "{TABLE}"', 'follow_interval = "100ms"',
                                'backoff_base = "1s"', 'backoff_max = "2s"', 'group_wait = "0s"']},
            more=f"""
[aws]
region = "{moto.REGION}"
endpoint = "{self.aws.url}"
[[sink]]
name = "hook"
kind = "webhook"
url = "{self.hook.url}"
[[sink]]
name = "file"
kind = "file"
path = "alerts.ndjson"
[[budget]]
name = "ai"
amount = "10"
alert_at = ["100% actual"]
""")

    def act(self, door, _):
        if self.takes:
            return None
        door.reply(503)
        return True

    def make_table(self):
        self.aws.boto3(f"""
key = [{{"AttributeName": "pk", "KeyType": "HASH"}}, {{"AttributeName": "sk", "KeyType": "RANGE"}}]
client("dynamodb").create_table(
    TableName={TABLE!r}, KeySchema=key, BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{{"AttributeName": one["AttributeName"], "AttributeType": "S"}}
                          for one in key])""")

    def items(self):
        return self.aws.boto3(f"""
said = [{{name: list(value.values())[0] for name, value in item.items()}}
        for item in client("dynamodb").scan(TableName={TABLE!r}, ConsistentRead=True)["Items"]]""")

    def spend(self, event, amount):
        answer = self.made.post({"event_id": event, "provider": "openai", "agent": "a",
                                 "type": "tokens", "amount": amount}, path="/v1/costs")
        self.assertEqual(answer.status, 201, answer)

    def state(self):
        found = self.items()
        return found and (found[0]["sink_file"], found[0]["sink_hook"])

    def test_what_became_of_each_is_there(self):
        self.make_table()
        self.takes = False
        self.made.start()
        self.spend("e-1", "12")
        eventually("one of two sinks has it",
                   lambda: self.state() == ("delivered", "undelivered"), 60)
        self.made.kill("alerter")
        self.takes = True
        self.made.start("alerter")
        eventually("both have it", lambda: self.state() == ("delivered", "delivered"), 60)
        found = self.items()
        self.assertEqual(len(found), 1)
        self.assertEqual((found[0]["kind"], found[0]["label_budget"]), ("budget", "ai"))
        self.assertEqual(found[0]["pk"], "ALERT#" + found[0]["alert_id"])

    def test_a_table_that_is_away_holds_up_no_alert(self):
        self.made.start()
        self.spend("e-1", "12")
        eventually("it is delivered", lambda: self.hook.arrivals, 60)
        eventually("it is said", lambda: "alerts are not recorded" in self.made.log("alerter"), 60)
        self.make_table()
        eventually("it is there", lambda: self.state() == ("delivered", "delivered"), 60)
