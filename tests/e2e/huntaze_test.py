"""deploy/examples/huntaze.toml as it stands, on what deploy/cloudformation/huntaze.yaml makes: both
queues, a Redis, the tables, the topic, the bucket and the secrets, by scripts/run.

Tables are on tests/tiny_dynamodb: what moto undoes of a cancelled transaction it takes from a copy
of all tables, so that of two at the same time one may undo the other."""

import datetime
import json
import os
import signal
import subprocess
import tempfile
import unittest
from decimal import Decimal

import moto
import table
from harness import BIN, EndToEnd, FrontDoor, ROOT, Refusing, die_with_parent, eventually, fuller
from harness import layout, request
from redis_server import RedisServer

SETTINGS = os.path.join(ROOT, "deploy", "examples", "huntaze.toml")
TEMPLATE = os.path.join(ROOT, "deploy", "cloudformation", "huntaze.yaml")
QUEUE, DEAD = "huntaze-rate-limiter-queue", "huntaze-rate-limiter-queue-dlq"
FIFO, FIFO_DEAD = "huntaze-hybrid-workflows.fifo", "huntaze-hybrid-workflows-dlq.fifo"
ACCOUNT = f"{moto.REGION}:123456789012"
TOPIC = f"arn:aws:sns:{ACCOUNT}:huntaze-cost-alerts"
COSTS, ALERTS = "huntaze-ai-costs-production", "huntaze-cost-alerts-production"
BUCKET = "huntaze-sluice-trail"
PARAMETERS = {"TrailBucket": BUCKET}
TOKEN, PASSWORD, BODY = "Bearer neverlogged-token", "neverlogged-password", "neverlogged-body"
API_KEY = "neverlogged-0123456789abcdef0123456789abcdef"
SCALE = 0.02


def document(name, user):
    return json.dumps({"messageId": name, "userId": user, "content": f"{BODY} {name}"})



def template():
    """moto's Python has a reader of YAML."""
    return moto.boto3("", f"import yaml\nsaid = yaml.safe_load(open({TEMPLATE!r}))")


class Account:
    """What the template makes, resource by resource: no emulator here takes templates."""

    def __init__(self):
        self.aws = moto.Moto()
        self.tables = table.Tiny()
        self.parts = template()
        makers = {"AWS::SQS::Queue": self.make_queue, "AWS::SNS::Topic": self.make_topic,
                  "AWS::DynamoDB::Table": self.make_table, "AWS::S3::Bucket": self.make_bucket}
        made = sorted(self.parts["Resources"].values(), key=lambda one: "RedrivePolicy" in
                      one["Properties"])  # whom a queue points to is there first
        for resource in made:
            makers[resource["Type"]](resource["Properties"])
        self.aws.boto3(f"""
for name, value in (("huntaze/onlyfans", {{"token": {TOKEN!r}}}),
                    ("huntaze/redis", {{"password": {PASSWORD!r}}}),
                    ("huntaze/front-door", {{"costs": {API_KEY!r}}})):
    client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(value))""")

    def resolved(self, value):
        """A reference, as what it stands for; else as it is."""
        if "Ref" in value:
            return PARAMETERS[value["Ref"]]
        if "Fn::GetAtt" in value:
            of = self.parts["Resources"][value["Fn::GetAtt"][0]]["Properties"]
            return f"arn:aws:sqs:{ACCOUNT}:{of['QueueName']}"
        return {name: self.resolved(one) if isinstance(one, dict) else one
                for name, one in value.items()}

    def make_queue(self, properties):
        """Its properties are the attributes of the call, as text."""
        said = self.resolved(properties)
        name = said.pop("QueueName")
        attributes = {key: value if isinstance(value, str) else json.dumps(value)
                      for key, value in said.items()}
        self.aws.boto3(f'client("sqs").create_queue(QueueName={name!r}, Attributes={attributes!r})')

    def make_topic(self, properties):
        self.aws.boto3(f'client("sns").create_topic(Name={properties["TopicName"]!r})')

    def make_bucket(self, properties):
        said = self.resolved(properties)
        self.aws.boto3(f"""
client("s3").create_bucket(Bucket={said["BucketName"]!r},
                           ObjectLockEnabledForBucket={said["ObjectLockEnabled"]!r})""")

    def make_table(self, properties):
        of_the_call = ("TableName", "BillingMode", "AttributeDefinitions", "KeySchema")
        self.tables.call("CreateTable", **{name: properties[name] for name in of_the_call})
        self.tables.call("UpdateTimeToLive", TableName=properties["TableName"],
                         TimeToLiveSpecification=properties["TimeToLiveSpecification"])

    def subscribe(self, queue):
        self.aws.boto3(f"""
sqs = client("sqs")
url = sqs.create_queue(QueueName={queue!r})["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
client("sns").subscribe(TopicArn={TOPIC!r}, Protocol="sqs", Endpoint=arn)""")

    def send_traced(self, queue, body):
        """With an attribute of the producer's."""
        self.aws.boto3(f"""
sqs = client("sqs")
sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName={queue!r})["QueueUrl"], MessageBody={body!r},
                 MessageAttributes={{"trace": {{"DataType": "String", "StringValue": "t-1"}}}})""")

    def copies(self):
        return self.aws.boto3(f"""
said = [one["Key"] for one in client("s3").list_objects_v2(Bucket={BUCKET!r}).get("Contents", [])]""")

    def items(self, name, partition):
        found = self.tables.call("Query", TableName=name, KeyConditionExpression="pk = :p",
                                 ExpressionAttributeValues={":p": {"S": partition}})["Items"]
        return [{key: list(value.values())[0] for key, value in item.items()} for item in found]

    def close(self):
        self.tables.close()
        self.aws.close()


@unittest.skipIf(moto.absent(), moto.absent())
class Template(unittest.TestCase):
    def test_its_parking_table_is_the_one_that_stands_alone(self):
        with open(os.path.join(ROOT, "deploy", "dynamodb", "parking.json"), encoding="utf-8") as file:
            alone = json.load(file)
        properties = template()["Resources"]["Parking"]["Properties"]
        self.assertEqual({name: properties[name] for name in alone}, alone)


@unittest.skipIf(moto.absent(), moto.absent())
class Huntaze(Refusing, EndToEnd):
    minutes = 5

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sluice-", ignore_cleanup_errors=True)
        self.addCleanup(scratch.cleanup)
        self.data, self.log = (os.path.join(scratch.name, name) for name in ("data", "run.log"))
        self.account = Account()
        self.addCleanup(self.account.close)
        self.aws = self.account.aws
        self.redis = RedisServer()
        self.addCleanup(self.redis.close)
        self.redis.cli("acl", "setuser", "sluice", "on", ">" + PASSWORD, "~*", "&*", "+@all")
        self.upstream = self.recorder(self.act)
        port, guard = layout.reserve_ports(11)
        self.addCleanup(guard.close)
        self.door = FrontDoor(port)
        self.environment = {**os.environ, **moto.CREDENTIALS, **self.places(port)}
        self.process = None

    def places(self, port):
        """Where everything is, which is all that the file is not asked for; and how fast time goes."""
        said = {f"SLUICE_{stage.upper()}_HEALTH_LISTEN": f"127.0.0.1:{port + n}"
                for stage, n in layout.HEALTH.items()}
        return {**said, "SLUICE_INGEST_LISTEN": f"127.0.0.1:{port}",
                "SLUICE_UPSTREAM_ONLYFANS_URL": self.upstream.url,
                "SLUICE_LIMITER_REDIS": f"redis://sluice@127.0.0.1:{self.redis.listen()}",
                "AWS_REGION": moto.REGION, "AWS_ENDPOINT_URL": self.aws.url,
                "AWS_ENDPOINT_URL_DYNAMODB": self.account.tables.url,
                "SLUICE_TIME_SCALE": str(SCALE), "SLUICE_LOG_LEVEL": "debug",
                "SLUICE_AUDITOR_SEGMENT_BYTES_MAX": "4096"}

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(ROOT, "scripts", "run"), "--settings", SETTINGS, "--data", self.data],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=self.environment, preexec_fn=lambda: die_with_parent(signal.SIGTERM))
        self.addCleanup(self.stop)
        eventually("it is ready", lambda: "ready: front door" in self.said(), 120)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(90)
        if not self.passed or code:
            print(self.said()[-20000:])
        return code

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            text = file.read()
        self.assertNotIn("nothing was started", text)
        return text

    def verb(self, *words):
        run = subprocess.run(
            [f"{BIN}/{words[0]}", *words[1:], "--settings", SETTINGS, "--data-dir", self.data],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
            env=self.environment)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        return run.stdout.strip()

    def test_it_runs_as_it_stands(self):
        self.account.subscribe("seen")
        self.start()
        eventually("both queues are read", lambda: self.said().count("queue open") == 2, 30)
        self.assertNotIn("queue drops", self.said())
        self.assertNotIn("queue gives up", self.said())
        plain = [f"m-{n}" for n in range(40)]
        ordered = [(f"w-{n % 3}", f"f-{n:02}") for n in range(15)]
        self.refused = {"no-1", "no-2"}
        self.aws.send(QUEUE, [document(name, f"u-{n % 4}") for n, name in enumerate(plain)])
        self.account.send_traced(QUEUE, document("no-1", "u-0"))
        self.aws.send_in_order(FIFO, [(user, document(name, user)) for user, name in ordered]
                               + [("w-9", document("no-2", "w-9"))])
        self.spend()
        wanted = plain + [name for _, name in ordered] + ["no-1", "no-2"]
        self.await_ids(wanted, 120)
        self.assert_what_became_of_the_queues(wanted, ordered)
        self.assert_what_became_of_the_money()
        self.assert_the_trail_is_in_the_bucket()
        self.assertEqual(self.stop(), 0)
        self.assertNotIn("neverlogged", self.said().lower())

    def spend(self):
        """USD 499.5 and 0.5, with the API key that whoever books costs has."""
        for event, amount in (("e-1", "499.5"), ("e-2", "0.5"), ("e-2", "0.5")):
            cost = {"event_id": event, "provider": "openai", "agent": "writer",
                    "type": "completion", "amount": amount}
            self.assertEqual(self.door.post(cost, "/v1/costs").status, 401)
            answer = self.door.post(cost, "/v1/costs", Authorization=f"Bearer {API_KEY}")
            self.assertIn(answer.status, (200, 201), answer)

    def assert_what_became_of_the_queues(self, wanted, ordered):
        for queue in (QUEUE, FIFO):
            eventually(f"{queue} is empty", lambda q=queue: self.aws.depth(q) == (0, 0), 60)
        self.assertEqual(sorted(self.ids()), sorted(wanted))
        self.assertEqual({headers["authorization"] for _, headers, _ in self.upstream.arrivals},
                         {TOKEN})
        for user in {one["userId"] for one in self.upstream.bodies()}:
            self.assertEqual(fuller(self.upstream.of(user), 60 * SCALE, 10), {})
        self.assertIn(document("m-0", "u-0").encode(), [body for *_, body in self.upstream.arrivals])
        for user in ("w-0", "w-1", "w-2"):
            came = [one["messageId"] for one in self.upstream.bodies() if one["userId"] == user]
            self.assertEqual(came, [name for of, name in ordered if of == user])
        for queue, name, user in ((DEAD, "no-1", "u-0"), (FIFO_DEAD, "no-2", "w-9")):
            eventually(f"a dead letter in {queue}", lambda q=queue: self.aws.depth(q)[0] == 1, 60)
            [[body, attributes]] = self.aws.take(queue)
            self.assertEqual(body, document(name, user))
            why = json.loads(attributes.pop("sluice"))
            self.assertEqual((why["reason"], why["last_status"], why["key"]),
                             ("refused", 404, f"onlyfans:{user}"))
            self.assertEqual(attributes, {"trace": "t-1"} if queue == DEAD else {})

    def assert_what_became_of_the_money(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        days = {(now - datetime.timedelta(days=n)).strftime("%Y-%m-%d") for n in (0, 1)}
        booked = [item for day in days for item in
                  self.account.items(COSTS, f"COST#{day}#openai")]
        self.assertEqual({item["sk"] for item in booked}, {"writer#completion"})
        self.assertEqual(sum(Decimal(item["amount_nano"]) for item in booked), 500 * 10**9)
        heard = {}

        def both():
            for body, _ in self.aws.take("seen"):
                alert = json.loads(json.loads(body)["Message"])
                heard[alert["alert_id"]] = alert
            return len(heard) >= 2

        eventually("80 % and 100 % are at the topic's subscriber", both, 60)
        self.assertEqual({(one["kind"], one["labels"]["budget"]) for one in heard.values()},
                         {("budget", "ai")})
        for name in heard:
            eventually("it is in the table, delivered", lambda n=name: [
                item["sink_topic"] for item in self.account.items(ALERTS, f"ALERT#{n}")]
                == ["delivered"], 60)

    def assert_the_trail_is_in_the_bucket(self):
        eventually("segments are in the bucket", lambda: len(self.account.copies()) >= 2, 60)
        self.assertIn("goes on from them", self.verb("sluice-auditor", "verify", "--s3"))
        self.assertIn("whole", self.verb("sluice-auditor", "verify"))
        metrics = request(self.door.port + layout.HEALTH["auditor"], "GET", "/metrics").body
        self.assertIn(b"sluice_costs_away 0", metrics)
