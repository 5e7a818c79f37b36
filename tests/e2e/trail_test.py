"""The trail is whole after everything, and names the line after one byte was changed."""

import glob
import os

from harness import EndToEnd


class Trail(EndToEnd):
    def test_one_changed_byte_is_found(self):
        pipeline = self.pipeline().start()
        names = [f"m-{number}" for number in range(3)]
        for name in names:
            self.accept(pipeline, {"messageId": name, "userId": "u"})
        pipeline.settle(names, 10)
        self.verify(pipeline)
        pipeline.stop()
        self.verify(pipeline)

        path = max(glob.glob(os.path.join(pipeline.data, "auditor", "**", "*.ndjson"),
                             recursive=True), key=os.path.getsize)
        with open(path, "rb") as file:
            lines = file.read().splitlines(keepends=True)
        at = len(lines) // 2
        middle = bytearray(lines[at])
        place = middle.index(b'"upstream":"onlyfans"') + 13
        middle[place] ^= 1
        lines[at] = bytes(middle)
        with open(path, "wb") as file:
            file.write(b"".join(lines))
        code, said = pipeline.auditor("verify")
        self.assertNotEqual(code, 0, said)
        self.assertRegex(said, rf"\b{at + 1}\b")
        self.assertIn(os.path.basename(path), said)

    def test_show_by_key_and_id(self):
        pipeline = self.pipeline().start()
        for name, user in (("m-1", "u"), ("m-2", "v")):
            self.accept(pipeline, {"messageId": name, "userId": user})
        pipeline.settle(["m-1", "m-2"], 10)
        code, said = pipeline.auditor("show", "--key", "onlyfans:u")
        self.assertEqual(code, 0, said)
        self.assertIn("delivered", said)
        other = pipeline.auditor("show", "--key", "onlyfans:nobody")[1]
        self.assertNotIn("delivered", other)

    def test_it_holds_no_names(self):
        pipeline = self.pipeline().start()
        self.accept(pipeline, {"messageId": "secret-id", "userId": "secret-user",
                               "content": "secret-content"})
        pipeline.settle(["secret-id"], 10)
        pipeline.stop()
        for path in glob.glob(os.path.join(pipeline.data, "auditor", "**", "*.ndjson"),
                              recursive=True):
            with open(path, "rb") as file:
                self.assertNotIn(b"secret-", file.read())
