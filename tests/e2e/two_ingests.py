"""A pipeline with a second ingest: a parking store and a front door of its own."""

from harness import FrontDoor, Pipeline
from supervise import several

SECOND = "ingest-2"


class TwoIngests(Pipeline):
    def __init__(self, folder, counts=None, **options):
        super().__init__(folder, counts={"ingest": 2, **(counts or {})}, **options)
        door = several.front_door({"ingest": {"listen": f"127.0.0.1:{self.port}"}}, 2)
        self.second = FrontDoor(int(door.rpartition(":")[2]))
        self.doors = (self, self.second)
