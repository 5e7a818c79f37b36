"""AWS as moto has it (scripts/peers), and boto3 as the producer and the consumer."""

import json
import os
import socket
import subprocess
import unittest
from unittest import mock

from harness import EndToEnd, ROOT, die_with_parent, eventually, layout

VENV = os.path.join(ROOT, "build", "peers", "venv", "bin")
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "neverlogged-key",
               "AWS_SESSION_TOKEN": "neverlogged-session"}
REGION = "us-east-1"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:huntaze-cost-alerts"
# A budget of USD 10, whose alerts go to that topic.
ALERTING = f"""
[[sink]]
name = "topic"
kind = "sns"
topic = "{TOPIC}"
[[budget]]
name = "ai"
amount = "10"
"""


def absent(what="moto", stamp="installed.txt"):
    """Why it is not there; empty: it is."""
    whole = os.path.join(ROOT, "build", "peers", stamp)
    return "" if os.path.exists(whole) else f"scripts/peers has not brought {what}"


def sdk_absent():
    return absent("the AWS SDK for JavaScript", "installed.json")


def certificate(folder):
    """(certificate, key) of 127.0.0.1, which is its own authority."""
    made = [os.path.join(folder, name) for name in ("moto.pem", "moto.key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=moto", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-out", made[0], "-keyout", made[1]], check=True,
                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
    return made


def boto3(url, body, environment=None):
    """Runs Python with `client(service)`; returns what it leaves in `said`."""
    program = ("import boto3, json, sys\n"
               "def client(service):\n"
               f"    return boto3.client(service, endpoint_url={url!r}, region_name={REGION!r})\n"
               "said = None\n" + body + "\nprint(json.dumps(said))\n")
    done = subprocess.run([f"{VENV}/python", "-c", program], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, **CREDENTIALS, **(environment or {})})
    if done.returncode:
        raise AssertionError(done.stderr[-2000:])
    return json.loads(done.stdout)


class Moto:
    """`tls`: its certificate and key."""

    def __init__(self, tls=None):
        port, self.guard = layout.reserve_ports(1)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        self.trust = {"AWS_CA_BUNDLE": tls[0]} if tls else {}
        words = ["-c", tls[0], "-k", tls[1]] if tls else []
        self.process = subprocess.Popen(
            [f"{VENV}/moto_server", "-H", "127.0.0.1", "-p", str(port), *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent)
        self.await_listening("moto", port)

    def await_listening(self, name, port):
        def listens():
            if self.process.poll() is not None:
                raise AssertionError(f"{name} ended with {self.process.returncode}")
            with socket.socket() as there:
                return there.connect_ex(("127.0.0.1", port)) == 0

        eventually(f"{name} listens", listens, 60)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.guard.close()

    def boto3(self, body):
        return boto3(self.url, body, self.trust)

    def make_queue(self, name, receives_max=5):
        """With a dead-letter queue, NAME-dlq."""
        self.boto3(f"""
sqs = client("sqs")
dead = sqs.create_queue(QueueName="{name}-dlq",
                        Attributes={{"MessageRetentionPeriod": "1209600"}})["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
policy = json.dumps({{"deadLetterTargetArn": arn, "maxReceiveCount": {receives_max}}})
sqs.create_queue(QueueName="{name}", Attributes={{"RedrivePolicy": policy}})""")

    def make_fifo(self, name):
        """NAME.fifo, with a dead-letter queue, NAME-dlq.fifo."""
        self.boto3(f"""
sqs = client("sqs")
fifo = {{"FifoQueue": "true", "MessageRetentionPeriod": "1209600"}}
dead = sqs.create_queue(QueueName="{name}-dlq.fifo", Attributes=fifo)["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
policy = json.dumps({{"deadLetterTargetArn": arn, "maxReceiveCount": 100}})
sqs.create_queue(QueueName="{name}.fifo", Attributes={{
    "FifoQueue": "true", "MessageRetentionPeriod": "345600", "RedrivePolicy": policy}})""")

    def send_in_order(self, name, messages):
        """Pairs of a group and a body."""
        self.boto3(f"""
sqs = client("sqs")
url = sqs.get_queue_url(QueueName="{name}")["QueueUrl"]
messages = {messages!r}
for at in range(0, len(messages), 10):
    entries = [{{"Id": str(n), "MessageBody": body, "MessageGroupId": group,
                "MessageDeduplicationId": str(hash(body))}}
               for n, (group, body) in enumerate(messages[at:at + 10])]
    assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == len(entries)
""")

    def send(self, name, bodies):
        self.boto3(f"""
sqs = client("sqs")
url = sqs.get_queue_url(QueueName="{name}")["QueueUrl"]
bodies = {bodies!r}
for at in range(0, len(bodies), 10):
    entries = [{{"Id": str(n), "MessageBody": body}} for n, body in enumerate(bodies[at:at + 10])]
    assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == len(entries)
""")

    def by_sdk(self, *calls):
        """The answers of the AWS SDK for JavaScript to (service, operation, input)."""
        program = os.path.join(ROOT, "tests", "peers", "sdk.mjs")
        done = subprocess.run(
            ["node", program, os.path.join(ROOT, "build", "peers"), self.url, REGION], check=True,
            input=json.dumps(calls), stdout=subprocess.PIPE, text=True, timeout=120,
            env={**os.environ, **CREDENTIALS})
        return json.loads(done.stdout)

    def depth(self, name):
        """(visible, in flight)"""
        return tuple(self.boto3(f"""
sqs = client("sqs")
url = sqs.get_queue_url(QueueName="{name}")["QueueUrl"]
found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
said = [int(found["ApproximateNumberOfMessages"]),
        int(found["ApproximateNumberOfMessagesNotVisible"])]"""))

    def take(self, name):
        """[(body, {attribute: text})] of all that is visible; they are deleted."""
        return self.boto3(f"""
sqs = client("sqs")
url = sqs.get_queue_url(QueueName="{name}")["QueueUrl"]
said = []
while True:
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0,
                              MessageAttributeNames=["All"]).get("Messages", [])
    if not got:
        break
    for one in got:
        attributes = {{k: v.get("StringValue", "") for k, v in
                      one.get("MessageAttributes", {{}}).items()}}
        said.append([one["Body"], attributes])
        sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])""")


@unittest.skipIf(absent(), absent())
class OnMoto(EndToEnd):
    """A test with an AWS of its own, `aws`, and credentials for it."""

    def setUp(self):
        environment = mock.patch.dict(os.environ, CREDENTIALS)
        environment.start()
        self.addCleanup(environment.stop)
        self.aws = self.emulator()
        self.addCleanup(self.aws.close)

    def emulator(self):
        return Moto()
