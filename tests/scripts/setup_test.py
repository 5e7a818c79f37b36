"""scripts/setup with stand-ins for dpkg-query, apt-get, id and sudo: what it asks for, and of whom."""

import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SETUP = os.path.join(ROOT, "scripts", "setup")


class Setup(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name
        for tool in ("env", "sed"):
            os.symlink(shutil.which(tool), os.path.join(self.folder, tool))
        self.stand_in("dpkg-query", 'shift 2; for p; do echo "$p installed"; done')
        self.stand_in("apt-get", f'echo "apt-get $*" >> {self.folder}/asked')
        self.stand_in("id", "echo 0")

    def stand_in(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{text}\n")
        os.chmod(path, 0o755)

    def missing(self, *names):
        """dpkg-query knows all but these."""
        known = "|".join(names)
        self.stand_in("dpkg-query", f'shift 2; for p; do case "$p" in {known}) echo "$p '
                      'not-installed" ;; *) echo "$p installed" ;; esac; done; exit 1')

    def setup(self, *words):
        """(exit code, what it said, what apt-get was asked for)."""
        run = subprocess.run(["/bin/bash", SETUP, *words], stdin=subprocess.DEVNULL, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30,
                             check=False, env={"PATH": self.folder})
        asked = os.path.join(self.folder, "asked")
        if not os.path.exists(asked):
            return run.returncode, run.stdout, ""
        with open(asked, encoding="utf-8") as file:
            return run.returncode, run.stdout, file.read()

    def test_silent_when_nothing_is_missing(self):
        self.assertEqual(self.setup(), (0, "", ""))

    def test_what_is_missing_is_said_and_installed(self):
        self.missing("ccache", "g++")
        code, said, asked = self.setup()
        self.assertEqual(code, 0, said)
        self.assertIn("installing 2 Debian packages: g++ ccache", said)
        lines = asked.splitlines()
        self.assertEqual(lines[0], "apt-get update -qq")
        self.assertTrue(lines[1].startswith("apt-get install -y"), lines)
        self.assertTrue(lines[1].endswith(" g++ ccache"), lines)

    def test_java_is_asked_for_where_there_is_none(self):
        self.missing("openjdk-17-jre-headless", "maven")
        self.assertEqual(self.setup(), (0, "", ""))
        code, said, asked = self.setup("--java")
        self.assertEqual(code, 0, said)
        self.assertTrue(asked.endswith(" openjdk-17-jre-headless maven\n"), asked)

    def test_another_java_will_do(self):
        self.missing("openjdk-17-jre-headless", "maven")
        self.stand_in("java", "exit 0")
        self.stand_in("mvn", "exit 0")
        self.assertEqual(self.setup("--java"), (0, "", ""))

    def test_another_user_asks_sudo(self):
        self.missing("ccache")
        self.stand_in("id", "echo 1000")
        self.stand_in("sudo", f'echo sudo >> {self.folder}/asked; exec "$@"')
        code, said, asked = self.setup()
        self.assertEqual(code, 0, said)
        self.assertEqual([line.split()[0] for line in asked.splitlines()],
                         ["sudo", "apt-get", "sudo", "apt-get"])

    def test_another_user_without_sudo_is_told(self):
        self.missing("ccache")
        self.stand_in("id", "echo 1000")
        code, said, asked = self.setup()
        self.assertEqual((code, asked), (75, ""))
        self.assertIn("ccache must be installed; run it as root, or install sudo", said)

    def test_a_failing_apt_is_told(self):
        self.missing("ccache")
        self.stand_in("apt-get", "echo no network >&2; exit 100")
        code, said, _ = self.setup()
        self.assertEqual(code, 75, said)
        self.assertIn("no network", said)
        self.assertIn("apt-get failed", said)

    def test_help_installs_nothing(self):
        self.missing("ccache")
        code, said, asked = self.setup("--help")
        self.assertEqual((code, asked), (0, ""))
        self.assertIn("Debian 12 packages", said)
