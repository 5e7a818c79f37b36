"""A pipeline with a second ingest: a parking store and a front door of its own."""

import harness
from harness import FrontDoor, Pipeline
from supervise import several

SECOND = "ingest-2"


class TwoIngests(Pipeline):
    def __init__(self, folder, **options):
        super().__init__(folder, **options)
        self.second = FrontDoor(self.port + 2 * several.STEP)
        self.doors = (self, self.second)

    def commands(self):
        def links(stage):
            return ",".join(several.links(stage, self.counts.get(stage, 1), {stage: {}}, self.data))

        return super().commands() | {SECOND: [
            f"{harness.BIN}/sluice-ingest", "--settings", self.settings, "--instance", "2",
            "--data-dir", self.data + "-2", "--limiters", links("limiter"),
            "--auditors", links("auditor"), "--listen", f"127.0.0.1:{self.second.port}",
            "--health-listen", f"127.0.0.1:{self.health(SECOND)}"]}
