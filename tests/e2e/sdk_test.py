"""The AWS SDK for JavaScript sends, Sluice delivers, and the SDK reads what became of it: queue,
dead-letter queue, table and topic."""

import datetime
import json
import unittest

import moto
from harness import Refusing, eventually

QUEUE, COSTS = "huntaze-rate-limiter-queue", "huntaze-ai-costs-production"


@unittest.skipIf(moto.sdk_absent(), moto.sdk_absent())
class JavaScript(Refusing, moto.OnMoto):
    def setUp(self):
        super().setUp()
        self.upstream = self.recorder(self.act)
        self.made = self.pipeline(
            url=self.upstream.url, time_scale=0.05, stages={"auditor": ['ledger = "dynamodb"']},
            more=f"""
[aws]
region = "{moto.REGION}"
endpoint = "{self.aws.url}"
[[queue]]
name = "{QUEUE}"
poll_wait = "1s"
""" + moto.ALERTING)
        self.aws.make_queue(QUEUE)
        self.aws.boto3(f"""
sns, sqs = client("sns"), client("sqs")
sns.create_topic(Name="huntaze-cost-alerts")
url = sqs.create_queue(QueueName="pager")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["QueueArn"]
sns.subscribe(TopicArn={moto.TOPIC!r}, Protocol="sqs", Endpoint=arn,
              Attributes={{"FilterPolicy": json.dumps({{"budget": ["ai"]}})}})
key = [{{"AttributeName": "pk", "KeyType": "HASH"}}, {{"AttributeName": "sk", "KeyType": "RANGE"}}]
client("dynamodb").create_table(
    TableName={COSTS!r}, KeySchema=key, BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{{"AttributeName": one["AttributeName"], "AttributeType": "S"}}
                          for one in key])""")

    def url(self, queue):
        return self.aws.by_sdk(("sqs", "GetQueueUrl", {"QueueName": queue}))[0]["QueueUrl"]

    def depth(self, queue):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        [found] = self.aws.by_sdk(("sqs", "GetQueueAttributes",
                                   {"QueueUrl": self.url(queue), "AttributeNames": names}))
        return [found["Attributes"][name] for name in names]

    def received(self, queue):
        url, got = self.url(queue), []

        def one():
            [answer] = self.aws.by_sdk(("sqs", "ReceiveMessage", {
                "QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1,
                "MessageAttributeNames": ["All"]}))
            got.extend(answer.get("Messages", []))
            return got

        eventually(f"a message in {queue}", one, 60)
        return got

    def booked(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        days = [(now - datetime.timedelta(days=n)).strftime("%Y-%m-%d") for n in (0, 1)]
        found = self.aws.by_sdk(*(("dynamodb", "Query", {
            "TableName": COSTS, "KeyConditionExpression": "pk = :p",
            "ExpressionAttributeValues": {":p": {"S": f"COST#{day}#openai"}}}) for day in days))
        return [item for answer in found for item in answer["Items"]]

    def test_it_sends_and_reads(self):
        self.refused = {"no"}
        self.made.start()
        names = [f"js-{n}" for n in range(11)] + ["no"]
        bodies = [json.dumps({"messageId": name, "userId": "u-1", "content": "Grüße"},
                             ensure_ascii=False) for name in names]
        url = self.url(QUEUE)
        self.aws.by_sdk(*(("sqs", "SendMessage", {"QueueUrl": url, "MessageBody": body})
                          for body in bodies))
        self.await_ids(names)
        self.assertEqual({one["content"] for one in self.upstream.bodies()}, {"Grüße"})
        eventually("the queue is empty", lambda: self.depth(QUEUE) == ["0", "0"], 30)
        [dead] = self.received(QUEUE + "-dlq")
        self.assertEqual(dead["Body"], bodies[-1])
        why = json.loads(dead["MessageAttributes"]["sluice"]["StringValue"])
        self.assertEqual((why["reason"], why["id"], why["key"]), ("refused", "no", "onlyfans:u-1"))
        self.spend()

    def spend(self):
        answer = self.made.post({"event_id": "e-1", "provider": "openai", "agent": "a",
                                 "type": "tokens", "amount": "12"}, path="/v1/costs")
        self.assertEqual(answer.status, 201, answer)
        eventually("it is in the table", lambda: [
            item["amount_nano"]["N"] for item in self.booked()] == [str(12 * 10**9)], 30)
        alert = json.loads(json.loads(self.received("pager")[0]["Body"])["Message"])
        self.assertEqual((alert["kind"], alert["labels"]["budget"]), ("budget", "ai"))


if __name__ == "__main__":
    unittest.main()
