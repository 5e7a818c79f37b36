#!/usr/bin/python3
"""Stands in for any stage: takes its flags, answers /readyz, ends on SIGTERM.

Its name is the file's, so that scripts/run can be given five of them; it says its flags. A file <name>.exit beside it
holds the code with which it ends at once; with <name>.stubborn it does not end on SIGTERM;
with <name>.talks it says very much first, then renames it to <name>.talked.
"""

import http.server
import os
import signal
import sys
import tomllib

NAME = os.path.basename(sys.argv[0])
FOLDER = os.path.dirname(os.path.abspath(sys.argv[0]))


class Door(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def drain(*_):
    try:
        print("drained", flush=True)
    finally:  # also when nobody reads any more: whom it interrupts may catch what print raises
        os._exit(0)


def main():
    talks = os.path.join(FOLDER, NAME + ".talks")
    if os.path.exists(talks):  # far more than any pipe holds
        for _ in range(100_000):
            print("something that nobody reads, and that is said all the same", flush=True)
        os.rename(talks, os.path.join(FOLDER, NAME + ".talked"))
    code = os.path.join(FOLDER, NAME + ".exit")
    if os.path.exists(code):
        with open(code, encoding="utf-8") as file:
            return int(file.read())
    print("told", *sys.argv[1:], flush=True)
    if "--health-listen" in sys.argv:
        address = sys.argv[sys.argv.index("--health-listen") + 1]
    else:
        with open(sys.argv[sys.argv.index("--settings") + 1], "rb") as file:
            address = tomllib.load(file)[NAME]["health_listen"]
    host, port = address.split(":")
    if os.path.exists(os.path.join(FOLDER, NAME + ".stubborn")):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, drain)
    http.server.HTTPServer.allow_reuse_address = True
    http.server.HTTPServer((host, int(port)), Door).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
