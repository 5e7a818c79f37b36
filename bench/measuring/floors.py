"""What the libraries cost bare: bench-floors, in microseconds of CPU an item."""

import json
import os
import subprocess

from harness import BIN


def measure(parsed):
    run = subprocess.run(
        [f"{BIN}/bench-floors", "--benchmark_format=json",
         f"--benchmark_min_time={0.1 if parsed.quick else 1}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
        env={**os.environ, "SLUICE_BENCH_DIR": parsed.folder})
    return {entry["name"].replace("/process_time", ""): 1e6 / entry["items_per_second"]
            for entry in json.loads(run.stdout)["benchmarks"]}
