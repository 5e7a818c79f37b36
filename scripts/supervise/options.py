"""What scripts/run is told on its command line."""

import argparse
import os

from supervise.layout import STAGES, UPSTREAM
from supervise.several import STEP

SEVERAL_MAX = 9
SEVERAL = {"ingest": f"; the second's front door is {2 * STEP} after the first's, each next {STEP} on",
           "limiter": "; several need --redis", "dispatcher": ""}
FILE_SAYS = ("upstream", "port", "sqs", "dlq", "aws_endpoint")  # in a run with a file
EXAMPLES = """examples:
  scripts/run                                       on its defaults, with sluice-upstream
  scripts/run --upstream http://127.0.0.1:9000      to a server of your own
  scripts/run --settings deploy/examples/sluice.toml
  scripts/run --demo                                500 messages, and a table of how it went
  scripts/run --redis start --limiters 3            three limiters on a redis-server of this run
  scripts/run --sqs https://sqs.eu-west-1.amazonaws.com/123456789012/messages
                                                    empties a queue of SQS, too
  scripts/run --stage alerter=./my-alerter          a program of your own in a stage's place

Ctrl-C drains and stops everything, a second one kills it: nothing is lost by that either.
Exit codes: 0 stopped, 1 the build or the demo failed, 64 usage, 75 the world failed (a port or the
data directory is in use), 78 a setting is wrong."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(64, f"{self.format_usage()}{self.prog}: {message}\n")


def parser_of(about):
    parser = Parser(prog="scripts/run", description=about, epilog=EXAMPLES,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", metavar="FILE", help="sluice.toml; without: defaults")
    parser.add_argument("--data", metavar="DIR", help="where everything is kept (default: data; "
                        "with --settings: what the file says)")
    parser.add_argument("--upstream", metavar="URL", help="send there, run no sluice-upstream")
    parser.add_argument("--port", type=int, help="of the front door (default: 8080); health and "
                        "metrics take the next five, sluice-upstream the tenth after it")
    parser.add_argument("--redis", metavar="URL", help="let the limiters decide on this Redis "
                        "(redis://HOST:PORT, rediss://, unix:///PATH); start: on a redis-server "
                        "of this run, kept in the data directory")
    for stage, more in SEVERAL.items():
        parser.add_argument(f"--{stage}s", type=int, default=1, metavar="N", help=f"so many "
                            f"{stage}s (default: 1); their health ports are {STEP} apart{more}")
    parser.add_argument("--sqs", metavar="URL", help="take messages from this queue of SQS, too; "
                        "credentials and region are found as AWS's own tools find them")
    parser.add_argument("--dlq", metavar="URL", help="the queue's dead letters go there (default: "
                        "where its RedrivePolicy says)")
    parser.add_argument("--aws-endpoint", metavar="URL", help="where AWS is: an emulator")
    parser.add_argument("--stage", action="append", default=[], metavar="NAME=PROGRAM",
                        help=f"run another program as this stage: {', '.join(STAGES)}; it gets "
                        "the same flags (docs/protocol.md says what more)")
    parser.add_argument("--demo", action="store_true", help="send docs/samples/messages.ndjson at "
                        "ten times the speed, on ports and data of its own, then end")
    return parser


def arguments(about):
    parser = parser_of(about)
    parsed = parser.parse_args()
    for flag in FILE_SAYS if parsed.settings else ():
        if getattr(parsed, flag):
            parser.error(f"--{flag.replace('_', '-')} is for runs without --settings; say it in the "
                         "file")
    if (parsed.dlq or parsed.aws_endpoint) and not parsed.sqs:
        parser.error("--dlq and --aws-endpoint are of a queue: --sqs")
    if parsed.port is not None and not 1 <= parsed.port <= 65535 - UPSTREAM:
        parser.error(f"--port {parsed.port}: from 1 to {65535 - UPSTREAM}")
    parsed.counts = {stage: getattr(parsed, f"{stage}s") for stage in SEVERAL}
    for stage, count in parsed.counts.items():
        if not 1 <= count <= SEVERAL_MAX:
            parser.error(f"--{stage}s {count}: from 1 to {SEVERAL_MAX}")
    parsed.programs = dict(entry.partition("=")[::2] for entry in parsed.stage)
    for name, program in parsed.programs.items():
        if name not in STAGES + ["upstream"]:
            parser.error(f"--stage {name}: there are {', '.join(STAGES)}")
        if not (os.path.isfile(program) and os.access(program, os.X_OK)):
            parser.error(f"--stage {name}={program}: there is no such program")
    return parsed
