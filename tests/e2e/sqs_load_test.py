"""bench/sqs on a small scale: many users of one queue, a noisy one among them, and deployments."""

import os
import shutil
import sys
import unittest

import moto
from harness import ROOT

sys.path.insert(0, os.path.join(ROOT, "bench"))

from sqs import scenes  # noqa: E402

PEERS = os.path.join(ROOT, "build", "peers")
ABSENT = moto.absent("fauxqs", "installed.json") or ("" if shutil.which("node") else "no node")


@unittest.skipIf(ABSENT, ABSENT)
class Load(unittest.TestCase):
    @staticmethod
    def scene(**more):
        return scenes.Scene(**{"home": PEERS, "scale": 0.05, "users": 40, "each": 25, "noisy": 1000,
                               "rounds": 1, "round_s": 12, "speed": 1000, **more})

    def test_many_users_beyond_their_limit(self):
        found = scenes.users_by_sluice(self.scene())
        self.assertEqual((found["arrived"], found["dead_lettered"], found["users_over"]), (1000, 0, 0),
                         found)
        self.assertLessEqual(found["receives_a_message"], 1.1, found)
        print(found)

    def test_others_do_not_wait_for_a_noisy_one(self):
        found = scenes.noisy(self.scene())
        self.assertEqual(found["probes"], found["arrived"], found)
        self.assertLess(found["longest_s"], 10, found)
        print(found)

    def test_deployments_lose_and_repeat_nothing(self):
        found = scenes.deployments(self.scene(scale=0.2))
        self.assertEqual((found["arrivals"], found["delivered"]), (found["messages"],) * 2, found)
        self.assertEqual((found["over"], found["duplicates"], found["dead_lettered"]), (0, 0, 0), found)
        self.assertEqual(tuple(found["left"]), (0, 0), found)
        self.assertLessEqual(max(map(int, found["received_so_often"])), 4, found)
        print(found)
