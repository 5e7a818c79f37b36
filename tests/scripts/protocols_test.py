"""What lib/aws sends in each protocol, compared with what botocore sends for the same call."""

import contextlib
import json
import os
import re
import subprocess
import unittest
import urllib.parse

import botocore
import botocore.session

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REQUEST_LINES = os.path.join(ROOT, "build", "release", "tests", "request-lines")


def call(name, operation, parameters, **ours):
    """botocore's call, and what lib/aws is given for it."""
    return {"client": name, "parameters": parameters, "operation": operation,
            "ours": {"service": name.replace("secretsmanager", "secrets_manager"),
                     "operation": operation, "fields": [], "body": "", "method": "POST",
                     "path": "/", **ours}}


FILTERS = [{"Name": "tag:a b", "Values": ["x&y", "é=+"]}, {"Name": "state", "Values": ["available"]}]

CALLS = {
    "json 1.0": call("dynamodb", "GetItem", {"TableName": "tab", "Key": {"pk": {"S": "é\"\\"}}},
                     body='{"TableName":"tab","Key":{"pk":{"S":"é\\"\\\\"}}}'),
    "json 1.1": call("ecs", "ListClusters", {"maxResults": 7}, body='{"maxResults":7}'),
    "json 1.1, its own name": call("secretsmanager", "GetSecretValue", {"SecretId": "a/b"},
                                   body='{"SecretId":"a/b"}'),
    "query, lists and maps": call(
        "sns", "Publish", {"TopicArn": "arn:t", "Message": "a b&c=+é~*",
                           "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}}},
        fields=[["TopicArn", "arn:t"], ["Message", "a b&c=+é~*"],
                ["MessageAttributes.entry.1.Name", "k"],
                ["MessageAttributes.entry.1.Value.DataType", "String"],
                ["MessageAttributes.entry.1.Value.StringValue", "v"]]),
    "query, one endpoint for all regions": call(
        "iam", "ListUsers", {"PathPrefix": "/a/", "MaxItems": 3},
        fields=[["PathPrefix", "/a/"], ["MaxItems", "3"]]),
    "ec2": call("ec2", "DescribeRegions", {"RegionNames": ["eu-west-1", "us-east-1"]},
                fields=[["RegionName.1", "eu-west-1"], ["RegionName.2", "us-east-1"]]),
    "ec2, lists in lists": call(
        "ec2", "DescribeVpcs", {"Filters": FILTERS, "MaxResults": 5, "NextToken": "n/+="},
        fields=[["Filter.1.Name", "tag:a b"], ["Filter.1.Value.1", "x&y"],
                ["Filter.1.Value.2", "é=+"], ["Filter.2.Name", "state"],
                ["Filter.2.Value.1", "available"], ["MaxResults", "5"], ["NextToken", "n/+="]]),
    "rest-json, a query": call("lambda", "ListFunctions", {"Marker": "a b/+", "MaxItems": 2},
                               method="GET", path="/2015-03-31/functions/",
                               fields=[["Marker", "a b/+"], ["MaxItems", "2"]]),
    "rest-json, a path": call(
        "lambda", "GetFunction", {"FunctionName": "arn:aws:lambda:eu-west-1:1:function:f"},
        method="GET",
        path="/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Af"),
    "rest-json, a body": call(
        "sesv2", "SendEmail", {"FromEmailAddress": "a@b", "Content": {"Raw": {"Data": b"x"}}},
        path="/v2/email/outbound-emails",
        body='{"FromEmailAddress":"a@b","Content":{"Raw":{"Data":"eA=="}}}'),
    "rest-xml": call("route53", "ListHostedZones", {"Marker": "Z 1", "MaxItems": "4"},
                     method="GET", path="/2013-04-01/hostedzone",
                     fields=[["marker", "Z 1"], ["maxitems", "4"]]),
}


class Stopped(Exception):
    """Instead of sending."""


def by_botocore(one):
    """The request as botocore would send it; nothing is sent."""
    session = botocore.session.Session()
    session.set_credentials("AKIDEXAMPLE", "secret")
    client = session.create_client(one["client"], region_name="eu-west-1")
    seen = []

    def stop(request, **_):
        seen.append(request)
        raise Stopped

    client.meta.events.register("before-send", stop)
    with contextlib.suppress(Stopped):
        getattr(client, botocore.xform_name(one["operation"]))(**one["parameters"])
    return seen[0]


def texts(headers):
    return {name.lower(): value.decode() if isinstance(value, bytes) else value
            for name, value in headers}


def content(kind, body):
    text = body.decode() if isinstance(body, bytes) else body or ""
    if "json" in kind:
        return json.loads(text)
    return sorted(urllib.parse.parse_qsl(text, strict_parsing=True)) if text else ""


def address(url):
    parts = urllib.parse.urlsplit(url)
    return parts.netloc, parts.path or "/", sorted(urllib.parse.parse_qsl(parts.query))


class Protocols(unittest.TestCase):
    def test_requests_are_as_botocores(self):
        lines = "".join(json.dumps(one["ours"]) + "\n" for one in CALLS.values())
        run = subprocess.run([REQUEST_LINES], input=lines, stdout=subprocess.PIPE, text=True,
                             timeout=60, check=True)
        ours = [json.loads(line) for line in run.stdout.splitlines()]
        self.assertEqual(len(ours), len(CALLS))
        for (name, one), our in zip(CALLS.items(), ours):
            with self.subTest(name):
                self.compare(our, by_botocore(one))

    def compare(self, our, theirs):
        ours, others = texts(our["headers"]), texts(theirs.headers.items())
        self.assertEqual(our["method"], theirs.method)
        self.assertEqual(address(our["url"]), address(theirs.url))
        kind = others.get("content-type", "")
        if theirs.body:
            self.assertEqual(ours["content-type"].lower(), kind.lower() or "application/json")
        self.assertEqual(ours.get("x-amz-target"), others.get("x-amz-target"))
        self.assertEqual(content(ours.get("content-type", ""), our["body"]),
                         content(kind or "json" * bool(theirs.body), theirs.body))
        scope = re.compile(r"Credential=AKIDEXAMPLE/\d+/([\w/-]+)")
        self.assertEqual(scope.search(ours["authorization"]).group(1),
                         scope.search(others["authorization"]).group(1))


if __name__ == "__main__":
    unittest.main()
