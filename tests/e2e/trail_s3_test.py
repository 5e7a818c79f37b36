"""Sealed segments of the trail go to S3, and prove there what they prove here."""

import os

import moto
from harness import eventually, request

BUCKET = "huntaze-sluice-trail"


class Copied(moto.OnMoto):
    def setUp(self):
        super().setUp()
        self.made = self.pipeline(url=self.recorder().url, time_scale=0.01, stages={"auditor": [
            "segment_bytes_max = 4096", f'trail_bucket = "{BUCKET}"', 'trail_prefix = "a/trail/"',
            'trail_encryption = "AES256"', 'trail_lock = "governance"', 'trail_lock_for = "2d"']},
            more=f'[aws]\nregion = "{moto.REGION}"\nendpoint = "{self.aws.url}"\n')
        self.sent = 0

    def make_bucket(self):
        self.aws.boto3(f"""
client("s3").create_bucket(Bucket={BUCKET!r}, ObjectLockEnabledForBucket=True)""")

    def send(self, many):
        names = [f"m-{self.sent + n}" for n in range(many)]
        self.sent += many
        for n, name in enumerate(names):
            self.accept(self.made, {"messageId": name, "userId": f"u-{n % 20}"},
                        Prefer="respond-async")
        self.made.settle(names, 60)

    def sealed(self):
        """Names of the segments here, without the one that grows."""
        folder = os.path.join(self.made.data, "auditor", "trail")
        return sorted(os.listdir(folder))[:-1]

    def copies(self):
        """{name: (text, encryption, lock)}"""
        return self.aws.boto3(f"""
s3 = client("s3")
said = {{}}
for one in s3.list_objects_v2(Bucket={BUCKET!r}).get("Contents", []):
    got = s3.get_object(Bucket={BUCKET!r}, Key=one["Key"], ChecksumMode="ENABLED")
    said[one["Key"]] = [got["Body"].read().decode(), got.get("ServerSideEncryption"),
                        got.get("ObjectLockMode")]""")

    def await_copies(self):
        wanted = self.sealed()
        eventually("each is copied", lambda: len(self.copies()) >= len(wanted), 60)
        found = self.copies()
        for name in wanted:
            with open(os.path.join(self.made.data, "auditor", "trail", name),
                      encoding="utf-8") as file:
                self.assertEqual(found["a/trail/" + name], [file.read(), "AES256", "GOVERNANCE"])
        return found

    def test_they_are_there_once_and_verify(self):
        self.make_bucket()
        self.made.start()
        self.send(60)
        self.await_copies()
        self.made.kill("auditor")
        self.made.start("auditor")
        self.send(60)
        found = self.await_copies()
        self.assertGreaterEqual(len(found), 4)
        code, said = self.made.auditor("verify", "--s3")
        self.assertEqual(code, 0, said)
        self.assertIn("goes on from them", said)
        code, said = self.made.auditor("verify", "--s3", "--trail_prefix", "another/")
        self.assertEqual(code, 1, said)
        self.assertIn("there is no copy at all", said)
        copy = os.path.join(self.made.folder, "copy")  # as `aws s3 sync` makes it
        os.makedirs(copy)
        for key, (text, _, _) in found.items():
            with open(os.path.join(copy, os.path.basename(key)), "w", encoding="utf-8") as file:
                file.write(text)
        code, said = self.made.auditor("verify", copy)
        self.assertEqual(code, 0, said)
        versions = self.aws.boto3(f"""
said = len(client("s3").list_object_versions(Bucket={BUCKET!r})["Versions"])""")
        self.assertEqual(versions, len(found))

    def test_a_bucket_that_is_not_there_is_said_and_awaited(self):
        self.made.start()
        self.send(60)
        eventually("it is said",
                   lambda: "segments of the trail are not copied yet" in self.made.log("auditor"))
        self.assertIn("NoSuchBucket", self.made.log("auditor"))
        figures = request(self.made.health("auditor"), "GET", "/metrics").body.decode()
        self.assertRegex(figures, r"sluice_trail_uncopied_segments [1-9]")
        self.make_bucket()
        self.await_copies()
