"""A queue of SQS, for a run without a settings file."""

import json
import os
import re

EMULATORS_REGION = "us-east-1"  # where nobody says another: an emulator has any


def region(url, endpoint):
    """Empty: as the environment or the profile says."""
    if os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        return ""
    named = re.match(r"https://sqs\.([a-z0-9-]+)\.amazonaws\.com", url)
    return named.group(1) if named else EMULATORS_REGION if endpoint else ""


def settings(parsed):
    """The lines of [aws] and [[queue]]."""
    found = {"[aws]": {"region": region(parsed.sqs, parsed.aws_endpoint),
                       "endpoint": parsed.aws_endpoint},
             "[[queue]]": {"name": parsed.sqs, "dead_letter_queue": parsed.dlq}}
    return [line for table, rows in found.items() for line in
            [table] + [f"{name} = {json.dumps(value)}" for name, value in rows.items() if value]]
