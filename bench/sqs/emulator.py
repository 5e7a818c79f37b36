"""SQS as fauxqs has it, or tests/tiny_sqs, of a run's own."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

from harness import BIN, Answer, die_with_parent, eventually, layout, request

HERE = os.path.dirname(os.path.abspath(__file__))
SIGNED = ("AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, "
          "SignedHeaders=host, Signature=none")  # it checks none
FILLERS = 4


class Emulator:
    """`words`: its command, before the port."""

    def __init__(self, *words):
        self.port, self.guard = layout.reserve_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [*words, str(self.port)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            preexec_fn=die_with_parent)
        eventually("the emulator answers", lambda: self.counts() is not None, 30)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.guard.close()

    def counts(self):
        return request(self.port, "GET", "/counts", seconds=60).json()

    def call(self, operation, line=None, /, **words):
        """`line`: a connection that is used again."""
        headers = {"Content-Type": "application/x-amz-json-1.0", "Authorization": SIGNED,
                   "X-Amz-Target": f"AmazonSQS.{operation}"}
        if line is None:
            answer = request(self.port, "POST", "/", json.dumps(words), headers, seconds=60)
        else:
            line.request("POST", "/", json.dumps(words), headers)
            answer = Answer(line.getresponse())
        if answer.status != 200:
            raise RuntimeError(f"{operation}: {answer}")
        return answer.json() if answer.body else {}

    def make_queue(self, name, visibility_s, receives_max):
        """With a dead-letter queue; the URLs of both."""
        dead = self.call("CreateQueue", QueueName=name + "-dlq",
                         Attributes={"MessageRetentionPeriod": "1209600"})["QueueUrl"]
        arn = self.call("GetQueueAttributes", QueueUrl=dead,
                        AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = {"deadLetterTargetArn": arn, "maxReceiveCount": receives_max}
        queue = self.call("CreateQueue", QueueName=name, Attributes={
            "RedrivePolicy": json.dumps(policy), "VisibilityTimeout": str(visibility_s)})["QueueUrl"]
        return queue, dead

    def send(self, queue, documents):
        def batch(at):
            entries = [{"Id": str(n), "MessageBody": json.dumps(document)}
                       for n, document in enumerate(documents[at:at + 10])]
            said = self.call("SendMessageBatch", QueueUrl=queue, Entries=entries)
            if said.get("Failed"):
                raise RuntimeError(f"SendMessageBatch: {said['Failed']}")

        with ThreadPoolExecutor(FILLERS) as fillers:
            list(fillers.map(batch, range(0, len(documents), 10)))

    def depth(self, queue):
        """(visible, received and not deleted)"""
        found = self.call("GetQueueAttributes", QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        return (int(found["ApproximateNumberOfMessages"]),
                int(found["ApproximateNumberOfMessagesNotVisible"]))


def fauxqs(home):
    return Emulator("node", os.path.join(HERE, "fauxqs.mjs"), home)


def stub():
    return Emulator(f"{BIN}/tiny-sqs")
