"""Signatures of lib/aws, compared with those of botocore."""

import datetime
import json
import os
import random
import subprocess
import unittest
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.compat
import botocore.credentials

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SIGN_LINES = os.path.join(ROOT, "build", "release", "tests", "sign-lines")
AT = datetime.datetime(2026, 11, 21, 12, 34, 56)
LETTERS = "abcXYZ019-._~ /+&=%$!*'()@:;,é€𝄞"


class Clock(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return AT


def some_text(chance, most, letters=LETTERS):
    return "".join(chance.choice(letters) for _ in range(chance.randint(0, most)))


def some_request(chance):
    service = chance.choice(["sqs", "dynamodb", "s3", "s3", "sns", "iam"])
    path = "/" + "/".join(botocore.compat.quote(some_text(chance, 8), safe="-._~") or "x"
                          for _ in range(chance.randint(0, 3)))
    return {
        "method": chance.choice(["GET", "POST", "PUT"]), "path": path, "service": service,
        "query": [[f"{some_text(chance, 5)}{i}", some_text(chance, 12)]
                  for i in range(chance.randint(0, 4))],
        "headers": [["host", f"{service}.eu-west-1.amazonaws.com"],
                    ["Content-Type", "application/x-amz-json-1.0"],
                    ["X-Amz-Target", "  AmazonSQS.Send   Message "]][:chance.randint(1, 3)],
        "body": some_text(chance, 40), "region": "eu-west-1",
        "access_key_id": "AKIDEXAMPLE", "secret_access_key": some_text(chance, 40, "aZ9/+") + "k",
        "token": chance.choice(["", "IQoJb3JpZ2luX2VjEXAMPLE//=="]),
        "at": AT.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def by_botocore(line):
    query = "&".join(f"{botocore.compat.quote(name, safe='-._~')}="
                     f"{botocore.compat.quote(value, safe='-._~')}" for name, value in line["query"])
    url = f"https://{line['headers'][0][1]}{line['path']}" + ("?" + query if query else "")
    request = botocore.awsrequest.AWSRequest(
        method=line["method"], url=url, data=line["body"].encode(),
        headers={name: value for name, value in line["headers"] if name != "host"})
    keys = botocore.credentials.Credentials(line["access_key_id"], line["secret_access_key"],
                                            line["token"] or None)
    signer = botocore.auth.S3SigV4Auth if line["service"] == "s3" else botocore.auth.SigV4Auth
    request.context["payload_signing_enabled"] = True
    with mock.patch.object(botocore.auth.datetime, "datetime", Clock):
        signer(keys, line["service"], line["region"]).add_auth(request)
    return request.headers["Authorization"]


class Signatures(unittest.TestCase):
    def test_as_botocore_signs(self):
        chance = random.Random(4)
        lines = [some_request(chance) for _ in range(500)]
        run = subprocess.run([SIGN_LINES], input="".join(json.dumps(line) + "\n" for line in lines),
                             stdout=subprocess.PIPE, text=True, timeout=60, check=True)
        ours = run.stdout.splitlines()
        self.assertEqual(len(ours), len(lines))
        for line, our in zip(lines, ours):
            self.assertEqual(our, by_botocore(line), line)
