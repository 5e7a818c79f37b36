"""Least privilege: what the code lists, its policies, their page and its sources say the same."""

import glob
import json
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = "lib/aws/uses.h"
DEAD_TABLE = ["dead", "replay", "group", "items"]

# The policy's name: its lists, and the sources that call by them.
PROGRAMS = {
    "ingest": (["ingest/uses.h kUses", f"{SHARED} kSecretUses"], ["ingest/*.cc"]),
    "ingest-dead-queue": (["ingest/uses.h kDeadQueueUses"],
                          ["ingest/dead_queue.cc", "ingest/sqs_opening.cc"]),
    "ingest-dead-table": (["ingest/uses.h kDeadTableUses"],
                          [f"ingest/dynamo_{name}.cc" for name in DEAD_TABLE]),
    "limiter": ([f"{SHARED} kSecretUses"], ["limiter/*.cc"]),
    "dispatcher": ([f"{SHARED} kSecretUses"], ["dispatcher/*.cc"]),
    "auditor": (["auditor/uses.h kUses"], ["auditor/*.cc"]),
    "auditor-verify": (["auditor/uses.h kVerifyUses"], ["auditor/verify_copies.cc"]),
    "auditor-costs": (["auditor/uses.h kCostsUses"], ["auditor/cost_reader.cc"]),
    "alerter": (["alerter/uses.h kUses", f"{SHARED} kSecretUses"], ["alerter/*.cc"]),
    "role": ([f"{SHARED} kRoleUses"], ["lib/aws/sources_role.cc"]),
}
# Of the verbs alone: no process calls them.
VERBS = {"ingest/dead_queue.cc", "ingest/dynamo_dead.cc", "ingest/dynamo_replay.cc",
         "auditor/verify_copies.cc", "auditor/cost_reader.cc"}

# How sources look that call an operation.
CALLS = {
    "BatchGetItem": r"dynamodb::batch_get\(",
    "DeleteItem": r"Kind::kDelete\b",
    "GetItem": r"dynamodb::get_item\(",
    "PutItem": r"Kind::kPut\b",
    "Query": r"dynamodb::query\(",
    "TransactWriteItems": r"dynamodb::transact_write\(",
    "UpdateItem": r"Kind::kUpdate\b",
    "GetObject": r"s3::get_object\(",
    "ListObjectsV2": r"s3::list_objects\(",
    "PutObject": r"s3::put_object\(",
    "PutObjectRetention": r"s3::Lock\{",
    "GetSecretValue": r"Secrets::open\(",
    "PublishBatch": r"sns::publish_batch\(",
    "ChangeMessageVisibilityBatch": r"sqs::(change_message_visibility_batch|visibilities)\(",
    "DeleteMessageBatch": r"sqs::(delete_message_batch|deletes)\(",
    "GetQueueAttributes": r"sqs::get_queue_attributes\(",
    "GetQueueUrl": r"sqs::get_queue_url\(",
    "ReceiveMessage": r"sqs::receive_message\(",
    "SendMessageBatch": r"sqs::(send_message_batch|sending|sends)\(",
    "AssumeRole": r'"AssumeRole"',
    "AssumeRoleWithWebIdentity": r'"AssumeRoleWithWebIdentity"',
}

# Of batches of a queue: which queue's, by the URL that they are for.
QUEUES = {"url": "Queue", "dead_url": "DeadLetterQueue"}
IS_A_QUEUE = {"Door": "Queue"}  # one that is read, and what is posted goes into it
BATCHES = {"sends": "SendMessageBatch", "sending": "SendMessageBatch",
           "deletes": "DeleteMessageBatch", "visibilities": "ChangeMessageVisibilityBatch"}

# Six letters that Secrets Manager adds to a name, and the objects under a prefix: what may be wild.
WILD = re.compile(r"^arn:aws:(secretsmanager:.*-\?{6}|s3:::TRAIL_BUCKET/TRAIL_PREFIX\*)$")


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def operations():
    """{(service, operation): action}, of the code's table."""
    rows = re.findall(r'Operation\{"(\w+)",\s*"(\w+)",\s*"([\w:]*)"\}',
                      text_of("lib/aws/operation.cc"))
    return {(service, name): action for service, name, action in rows}


def lists():
    """{"ingest/uses.h kUses": [(statement, service, operation)]}, of all headers."""
    found = {}
    for path in glob.glob(os.path.join(ROOT, "*", "uses.h")) + [os.path.join(ROOT, SHARED)]:
        name = os.path.relpath(path, ROOT)
        for array, rows in re.findall(r"constexpr std::array (\w+)\{(.*?)\};", text_of(name), re.S):
            found[f"{name} {array}"] = re.findall(r'Use\{"(\w+)", "(\w+)", "(\w+)"\}', rows)
    return found


def uses_of(program):
    return [use for name in PROGRAMS[program][0] for use in lists()[name]]


def sources_of(program):
    patterns = PROGRAMS[program][1]
    paths = {os.path.relpath(path, ROOT) for pattern in patterns
             for path in glob.glob(os.path.join(ROOT, pattern))}
    if any("*" in pattern for pattern in patterns):
        paths -= VERBS
    return "".join(text_of(path) for path in sorted(paths))


def policy_of(program):
    return json.loads(text_of(f"deploy/iam/{program}.json"))


class Lists(unittest.TestCase):
    def test_each_is_some_programs(self):
        named = {name for program in PROGRAMS.values() for name in program[0]}
        self.assertEqual(set(lists()), named)
        self.assertEqual([name for name, uses in lists().items() if not uses], [])

    def test_they_have_all_operations_of_the_table_and_no_others(self):
        self.assertGreaterEqual(len(operations()), 20, "the table is read wrongly")
        listed = {use[1:] for uses in lists().values() for use in uses}
        self.assertEqual(listed, set(operations()))
        self.assertEqual({name for _, name in operations()}, set(CALLS))

    def test_what_is_listed_is_called_and_what_is_called_is_listed(self):
        for program in PROGRAMS:
            with self.subTest(program):
                sources = sources_of(program)
                called = {name for name, call in CALLS.items() if re.search(call, sources)}
                self.assertEqual({use[2] for use in uses_of(program)}, called)

    def test_batches_are_of_the_queue_that_is_listed(self):
        found = False
        for program in PROGRAMS:
            with self.subTest(program):
                calls = re.findall(rf"sqs::({'|'.join(BATCHES)})\(\w+\.(\w+)", sources_of(program))
                called = {(QUEUES[url], BATCHES[name]) for name, url in calls}
                listed = {(IS_A_QUEUE.get(statement, statement), operation) for statement, _, operation in uses_of(program)
                          if operation in BATCHES.values()}
                self.assertEqual(listed, called)
                found = found or bool(called)
        self.assertTrue(found, "the sources are read wrongly")

    def test_each_session_of_a_program_has_one(self):
        for path in glob.glob(os.path.join(ROOT, "*", "*.cc")) + [
                os.path.join(ROOT, "lib", "aws", "secrets.cc")]:
            name = os.path.relpath(path, ROOT)
            opened = re.findall(r"Session::open\(([^;]*)\);", text_of(name))
            self.assertEqual([one for one in opened if not re.search(r", k\w*Uses$", one)], [], name)


class Policies(unittest.TestCase):
    def test_each_allows_what_its_list_has_and_nothing_else(self):
        names = {os.path.basename(path)[:-len(".json")]
                 for path in glob.glob(os.path.join(ROOT, "deploy", "iam", "*.json"))}
        self.assertEqual(names, set(PROGRAMS))
        for program in PROGRAMS:
            wanted = {}
            for statement, service, operation in uses_of(program):
                action = operations()[service, operation]
                wanted.setdefault(statement, set()).update({action} if action else set())
            allowed = {one["Sid"]: one["Action"] for one in policy_of(program)["Statement"]}
            with self.subTest(program):
                self.assertEqual({sid: set(actions) for sid, actions in allowed.items()}, wanted)
                self.assertEqual([sid for sid, actions in allowed.items()
                                  if len(actions) != len(set(actions))], [])

    def test_they_name_what_they_are_for(self):
        for program in PROGRAMS:
            policy = policy_of(program)
            self.assertEqual(policy["Version"], "2012-10-17")
            for one in policy["Statement"]:
                self.assertEqual(one["Effect"], "Allow")
                self.assertRegex(one["Resource"], r"^arn:aws:[\w:/-]+[A-Z]")
                if re.search(r"[*?]", one["Resource"]):
                    self.assertRegex(one["Resource"], WILD)
                services = {action.split(":")[0] for action in one["Action"]}
                of = "iam" if services == {"sts"} else "".join(services)
                self.assertEqual(one["Resource"].split(":")[2], of)


class Page(unittest.TestCase):
    def test_it_has_a_table_of_each(self):
        page = text_of("docs/iam.md")
        rows = re.findall(r"^\| (\w+) \| (\w+) \| (`[\w:]+`|none of its own) \| .+ \|$", page, re.M)
        wanted = []
        for program in PROGRAMS:
            self.assertIn(f"(../deploy/iam/{program}.json)", page)
            if program == "dispatcher":  # one table with the limiter's
                continue
            for statement, service, operation in uses_of(program):
                action = operations()[service, operation]
                wanted.append((statement, operation, f"`{action}`" if action else "none of its own"))
        self.assertEqual(rows, wanted)


if __name__ == "__main__":
    unittest.main()
