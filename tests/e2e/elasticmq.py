"""ElasticMQ (scripts/peers), as tests/emulators starts it."""

import os
import re
import shutil
import subprocess

import moto
from harness import ROOT, die_with_parent, layout

JARS = os.path.join(ROOT, "build", "peers", "jars", "elasticmq", "*")
FLAGS = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]


def absent():
    """Why it is not there; empty: it is."""
    if not shutil.which("java"):
        return "here is no Java"
    said = subprocess.run(["java", "-version"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, timeout=60, check=False).stderr
    version = re.search(r'"(\d+)', said)
    if not version or int(version[1]) < 17:
        return f"ElasticMQ needs Java 17; here is {said}"
    return moto.absent() or moto.absent("ElasticMQ", "installed.sha256")


class ElasticMq(moto.Moto):
    def __init__(self):
        port, self.guard = layout.reserve_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.trust = {}
        settings = ["rest-sqs.bind-hostname=127.0.0.1", f"rest-sqs.bind-port={port}",
                    "node-address.host=127.0.0.1", f"node-address.port={port}",
                    "rest-stats.enabled=false"]
        self.process = subprocess.Popen(
            ["java", *FLAGS, *[f"-D{one}" for one in settings], "-cp", JARS,
             "org.elasticmq.server.Main"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.await_listening("ElasticMQ", port)
