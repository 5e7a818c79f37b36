"""Alerts go to a topic of SNS, and from there to whoever's filter policy asks for them."""

import json
import signal

import moto
from harness import eventually


class Topic(moto.OnMoto):
    def setUp(self):
        super().setUp()
        self.made = self.pipeline(
            url=self.recorder().url, time_scale=0.05,
            more=f'[aws]\nendpoint = "{self.aws.url}"\n' + moto.ALERTING)

    def make_topic(self):
        """With a queue for critical alerts about budgets, and one for what is only informed of."""
        self.aws.boto3(f"""
sns, sqs = client("sns"), client("sqs")
assert sns.create_topic(Name="huntaze-cost-alerts")["TopicArn"] == {moto.TOPIC!r}
for name, policy in (("pager", {{"budget": ["ai"], "kind": ["budget"]}}),
                     ("nobody", {{"budget": ["another"]}})):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(TopicArn={moto.TOPIC!r}, Protocol="sqs", Endpoint=arn["QueueArn"],
                  Attributes={{"FilterPolicy": json.dumps(policy)}})""")

    def spend(self, event, amount):
        answer = self.made.post({"event_id": event, "provider": "openai", "agent": "a",
                                 "type": "tokens", "amount": amount}, path="/v1/costs")
        self.assertEqual(answer.status, 201, answer)

    def alerts(self, queue):
        return [json.loads(json.loads(body)["Message"]) for body, _ in self.aws.take(queue)]

    def test_an_alert_reaches_who_asked_for_it(self):
        self.make_topic()
        self.made.start()
        self.spend("e-1", "12")
        eventually("it is there", lambda: self.aws.depth("pager")[0] > 0, 60)
        told = self.alerts("pager")
        self.assertEqual({alert["labels"]["budget"] for alert in told}, {"ai"})
        self.assertEqual(len({alert["alert_id"] for alert in told}), len(told))
        self.assertEqual(self.alerts("nobody"), [])

    def test_a_topic_that_is_not_there_is_said_and_awaited(self):
        self.made.start()
        self.spend("e-1", "12")
        eventually("it is said", lambda: "no alert is delivered" in self.made.log("alerter"), 60)
        alerter = self.made.processes["alerter"]
        alerter.send_signal(signal.SIGSTOP)  # a topic is there before its subscribers are
        self.make_topic()
        alerter.send_signal(signal.SIGCONT)
        eventually("it is there", lambda: self.aws.depth("pager")[0] > 0, 60)
