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

        path, lines = self.last_segment(pipeline)
        self.assertGreater(len(lines), 3)
        for at, line in enumerate(lines):
            for place in (0, 1, len(line) // 3, len(line) // 2, len(line) - 20, len(line) - 1):
                changed = bytearray(line)
                changed[place] ^= 1
                self.write(path, lines[:at] + [bytes(changed)] + lines[at + 1:])
                code, said = pipeline.auditor("verify")
                self.assertEqual(code, 1, (at, place, said))
                self.assertRegex(said, rf"{os.path.basename(path)}\D*\b{at + 1}\b", (at, place))
        for at in range(len(lines) - 1):  # a line is gone: the next one does not follow
            self.write(path, lines[:at] + lines[at + 1:])
            code, said = pipeline.auditor("verify")
            self.assertEqual(code, 1, (at, said))
            self.assertRegex(said, rf"{os.path.basename(path)}\D*\b{at + 1}\b")
        self.write(path, lines)
        self.verify(pipeline)

    @staticmethod
    def write(path, lines):
        with open(path, "wb") as file:
            file.write(b"".join(lines))

    @staticmethod
    def last_segment(pipeline):
        path = max(glob.glob(os.path.join(pipeline.data, "auditor", "**", "*.ndjson"),
                             recursive=True), key=os.path.getsize)
        with open(path, "rb") as file:
            return path, file.read().splitlines(keepends=True)

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
