"""What the checks look at: the tree's own files, their includes, their text without comments."""

import json
import os
import re

STAGES = ("ingest", "limiter", "dispatcher", "auditor", "alerter")
ROOMS = ("lib",) + STAGES + ("tests", "bench")
SKIPPED_FOLDERS = {"build", "data", ".git", ".ccache", "__pycache__"}

_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^(\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'", re.S)
_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def _blank(match):
    text = match.group(0)
    kept = '""' if text[0] in '"R' else "0" if text[0] == "'" else " "
    return kept + "\n" * text.count("\n")


class Tree:
    """A source tree. Paths are relative to its root, with forward slashes."""

    def __init__(self, root, compile_commands=None):
        self.root = os.path.abspath(root)
        self.compile_commands = compile_commands
        self._texts = {}

    def path(self, name):
        return os.path.join(self.root, name)

    def exists(self, name):
        return os.path.isfile(self.path(name))

    def text(self, name):
        if name not in self._texts:
            with open(self.path(name), encoding="utf-8") as file:
                self._texts[name] = file.read()
        return self._texts[name]

    def code(self, name):
        """The text with comments and literals blanked; line numbers stay."""
        return _TOKEN.sub(_blank, self.text(name))

    def files(self):
        found = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
            base = os.path.relpath(folder, self.root)
            found += [os.path.normpath(os.path.join(base, n)).replace(os.sep, "/") for n in names]
        return sorted(found)

    def cpp(self, *rooms):
        """Our C++ files, of these rooms only if any are named."""
        starts = tuple(r + "/" for r in rooms or ROOMS)
        return [f for f in self.files() if f.startswith(starts) and f.endswith((".h", ".cc"))]

    def python(self):
        return [f for f in self.files() if f.endswith(".py") or self._is_python_script(f)]

    def _is_python_script(self, name):
        if "." in os.path.basename(name) or not name.startswith("scripts/"):
            return False
        return "python3" in self.text(name)[:300] and "'''" in self.text(name)[:300]

    def includes(self, name):
        """(line, header, is_ours) of each include; ours are spelled with quotes."""
        found = []
        for number, line in enumerate(self.text(name).splitlines(), 1):
            match = _INCLUDE.match(line)
            if match:
                found.append((number, match.group(2), match.group(1) == '"'))
        return found

    def closure(self, name):
        """The file and every header of ours that it reaches."""
        seen, todo = set(), [name]
        while todo:
            current = todo.pop()
            if current in seen or not self.exists(current):
                continue
            seen.add(current)
            todo += [header for _, header, ours in self.includes(current) if ours]
        return sorted(seen)

    def commands(self):
        """What the build compiles: {source: (target, command)}; generated sources left out."""
        with open(self.compile_commands, encoding="utf-8") as file:
            entries = json.load(file)
        found = {}
        for entry in entries:
            name = os.path.relpath(os.path.join(entry["directory"], entry["file"]), self.root)
            target = re.search(r"CMakeFiles/([^/]+)\.dir/", entry["command"])
            if not name.startswith(("..", "build/")):
                found[name] = (target.group(1) if target else "", entry["command"])
        return found
