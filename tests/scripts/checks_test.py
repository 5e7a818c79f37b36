"""Each check is seen to fail on a planted violation, and to pass without it."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

from checks import core_words, include_rules, reports, sizes, tidy, usings, whole  # noqa: E402
from checks.sources import Tree  # noqa: E402


class Planted(unittest.TestCase):
    """A small tree of files; sources of a stage belong to its core unless they say shell."""

    def plant(self, files):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        entries = []
        for name, text in files.items():
            path = os.path.join(scratch.name, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            if name.endswith(".cc"):
                room = name.split("/")[0]
                kind = "shell" if "shell" in name else "core"
                command = (f"clang++-14 -std=c++20 -Wall -I{scratch.name} "
                           f"-o {room}/CMakeFiles/{room}_{kind}.dir/x.o -c {path}")
                entries.append({"directory": scratch.name, "command": command, "file": path})
        commands = os.path.join(scratch.name, "compile_commands.json")
        with open(commands, "w", encoding="utf-8") as file:
            json.dump(entries, file)
        return Tree(scratch.name, commands)

    def assert_found(self, check, files, *words):
        problems = check(self.plant(files))
        self.assertEqual(len(problems), 1, problems)
        for word in words:
            self.assertIn(word, problems[0])

    def assert_clean(self, check, files):
        self.assertEqual(check(self.plant(files)), [])


class Includes(Planted):
    def test_base_sees_the_standard_library_only(self):
        self.assert_clean(include_rules.check, {"lib/base/a.h": "#include <vector>\n"})
        self.assert_found(include_rules.check, {"lib/base/a.h": "\n#include <unistd.h>\n"},
                          "lib/base/a.h:2", "unistd.h")

    def test_wire_sees_no_port(self):
        self.assert_found(include_rules.check, {
            "lib/port/p.h": "", "lib/wire/a.cc": '#include "lib/port/p.h"\n'}, "lib/wire/a.cc:1")

    def test_a_core_sees_no_port(self):
        self.assert_found(include_rules.check, {
            "lib/port/p.h": "", "limiter/core.cc": '#include "lib/port/p.h"\n'}, "core.cc:1")

    def test_nor_by_way_of_a_header_of_its_own(self):
        self.assert_found(include_rules.check, {
            "lib/port/p.h": "", "limiter/line.h": '#include "lib/port/p.h"\n',
            "limiter/core.cc": '#include "limiter/line.h"\n'}, "limiter/line.h:1")

    def test_a_core_sees_nothing_of_others(self):
        self.assert_found(include_rules.check, {"limiter/core.cc": "#include <openssl/evp.h>\n"},
                          "openssl")

    def test_a_shell_sees_ports_but_no_other_stage(self):
        self.assert_clean(include_rules.check, {
            "lib/port/p.h": "", "limiter/shell.cc": '#include "lib/port/p.h"\n'})
        self.assert_found(include_rules.check, {
            "ingest/core.h": "", "limiter/shell.cc": '#include "ingest/core.h"\n'}, "ingest/core.h")

    def test_heavy_headers_stay_in_sources_of_one_folder(self):
        self.assert_found(include_rules.check, {"auditor/shell.h": "#include <nlohmann/json.hpp>\n"},
                          "in a header")
        self.assert_found(include_rules.check, {"auditor/shell.cc": "#include <sqlite3.h>\n"},
                          "lib/port/ only")
        problems = include_rules.check(self.plant({
            "auditor/shell.cc": "#include <spdlog/spdlog.h>\n",
            "alerter/shell.cc": "#include <spdlog/spdlog.h>\n"}))
        self.assertEqual(len(problems), 2, problems)

    def test_an_include_is_a_path_from_the_root(self):
        self.assert_found(include_rules.check, {"limiter/core.cc": '#include "limiter/gone.h"\n'},
                          "not a path")


class CoreWords(Planted):
    def test_each_word_is_found(self):
        for words in ("auto t = std::chrono::x::now();", "int r = rand ();", "getenv(x);",
                      "usleep(1);", "std::thread t;", "spdlog::info(x);", "std::cerr << 1;",
                      "printf(x);", "std::mutex m;", "clock_gettime(a, b);"):
            with self.subTest(words):
                problems = core_words.check_cores(self.plant({"limiter/core.cc": words + "\n"}))
                self.assertEqual(len(problems), 1, problems)

    def test_words_in_comments_and_names_are_none(self):
        self.assert_clean(core_words.check_cores, {
            "limiter/core.cc": "// sleep( until now()\nvoid f(Instant now, Slots& log);\n"
                               'const char* s = "rand()";\n'})

    def test_shells_may(self):
        self.assert_clean(core_words.check_cores, {"limiter/shell.cc": "getenv(x);\n"})

    def test_no_code_starts_a_thread(self):
        for words in ("std::jthread t;", "std::async(f);", "pthread_create(a);",
                      "MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD);"):
            with self.subTest(words):
                self.assert_found(core_words.check_threads, {"limiter/shell.cc": words + "\n"},
                                  "starts a thread")


class Sizes(Planted):
    def test_functions(self):
        body = "  x();\n" * 69
        self.assert_clean(sizes.check, {"lib/base/a.cc": f"void f() {{\n{body}}}\n".replace(
            "  x();\n", "", 1)})
        self.assert_found(sizes.check, {"lib/base/a.cc": f"namespace n {{\nvoid f() {{\n{body}}}\n}}"},
                          "a.cc:2", "f has 71 lines")

    def test_methods_constructors_and_tests(self):
        body = "  if (x) {\n  }\n" * 35
        for head in ("class A {\n  int f(int a) const {\n", "A::A(int a) : a_{a}, b_(3) {\n",
                     "TEST(Meter, Refuses) {\n", "bool operator()(int a) {\n"):
            with self.subTest(head):
                closing = "}\n};\n" if head.startswith("class") else "}\n"
                self.assert_found(sizes.check, {"lib/base/a.cc": head + body + closing}, "lines")

    def test_tables_are_no_functions(self):
        self.assert_clean(sizes.check, {
            "lib/base/a.cc": "constexpr Row kRows[] = {\n" + "  {1, f(2)},\n" * 80 + "};\n"})

    def test_files_and_main(self):
        self.assert_found(sizes.check, {"lib/base/a.h": "int x;\n" * 501}, "501 lines")
        self.assert_found(sizes.check, {"limiter/main.cc": "int x;\n" * 46}, "at most 45")

    def test_parameters(self):
        self.assert_clean(sizes.check, {
            "lib/base/a.cc": "void f(std::map<int, int> a, int b, int (*c)(int, int), int d) {}\n"})
        self.assert_found(sizes.check, {"lib/base/a.cc": "void f(int a, int b, int c, int d, int e) {}"},
                          "5 parameters")

    def test_python(self):
        self.assert_found(sizes.check, {"scripts/a.py": "def f():\n" + "    x = 1\n" * 70},
                          "f has 71 lines")


class Whole(Planted):
    def test_a_source_outside_the_build(self):
        tree = self.plant({"limiter/core.cc": ""})
        self.assertEqual(whole.check_compiled(tree), [])
        with open(tree.path("limiter/forgotten.cc"), "w", encoding="utf-8"):
            pass
        self.assertEqual(len(whole.check_compiled(tree)), 1)

    def test_a_link_that_leads_nowhere(self):
        self.assert_clean(whole.check_links, {"docs/a.md": "[b](b.md#x) [c](https://c)\n",
                                              "docs/b.md": ""})
        self.assert_found(whole.check_links, {"docs/a.md": "\n[b](b.md)\n"}, "docs/a.md:2")

    def test_a_script_that_does_not_parse(self):
        problems = whole.check_shell(self.plant({"scripts/a": "#!/usr/bin/env bash\nif\n"}))
        self.assertTrue(problems)


class Usings(Planted):
    def test_using_declarations(self):
        used = "using std::string;\nstring f();\n"
        self.assert_clean(usings.check, {"lib/base/a.cc": used, "lib/base/b.h": "using a::b;\n"})
        found = usings.check(self.plant({"lib/base/a.cc": used + "// vector\nusing std::vector;\n"}))
        self.assertEqual(found, ["lib/base/a.cc:4: nothing uses vector"])


class Clang(Planted):
    def test_format(self):
        style = {".clang-format": "BasedOnStyle: Google\n"}
        self.assert_clean(tidy.check_format, {**style, "lib/base/a.cc": "int x = 1;\n"})
        self.assertTrue(tidy.check_format(self.plant({**style, "lib/base/a.cc": "int  x=1 ;\n"})))

    def test_tidy_and_its_memory(self):
        with open(os.path.join(ROOT, ".clang-tidy"), encoding="utf-8") as file:
            style = {".clang-tidy": file.read()}
        clean = "int f(int x) {\n  return x;\n}\n"
        tree = self.plant({**style, "lib/base/a.cc": clean})
        self.assertEqual(tidy.check_tidy(tree), [])
        bad = self.plant({**style, "lib/base/a.cc":
                          "#include <string>\n#include <utility>\n"
                          "std::string f(std::string x) {\n"
                          "  const std::string y = std::move(x);\n  return x + y;\n}\n"})
        first = tidy.check_tidy(bad)
        self.assertIn("bugprone-use-after-move", "".join(first))
        self.assertEqual(tidy.check_tidy(bad), first)  # only what was clean is remembered

    def test_tidy_of_sources_in_one_bundle(self):
        styles = {}
        for name in (".clang-tidy", "tests/.clang-tidy"):
            with open(os.path.join(ROOT, name), encoding="utf-8") as file:
                styles[name] = file.read()
        moved = ("#include <string>\n#include <utility>\nstd::string f{0}(std::string x) {{\n"
                 "  std::string y = std::move(x);\n  return x + y;\n}}\n")
        same = "namespace {{\nint g() {{ return {0}; }}\n}}\nint f{0}() {{ return g(); }}\n"
        clean = "int f{0}() {{ return {0}; }}\n"
        for text, rooms, finding in (
                (moved, ("lib/base", "tests/base"), "bugprone-use-after-move"),
                (same, ("lib/base", "tests/base"), ""), (clean, ("lib/base",), "")):
            for room in rooms:
                found = tidy.check_tidy(self.plant({**styles, **{
                    f"{room}/{number}.cc": text.format(number) for number in (1, 2, 3)}}))
                self.assertEqual([number for number in (1, 2, 3) if any(
                    p.startswith(f"{room}/{number}.cc:") and finding in p for p in found)],
                    [1, 2, 3] if finding else [], (room, found))
                self.assertEqual(bool(finding), bool(found), found)


class LinkTest(unittest.TestCase):
    PROJECT = """cmake_minimum_required(VERSION 3.25)
project(planted LANGUAGES CXX)
include({root}/cmake/sluice.cmake)
file(WRITE ${{PROJECT_BINARY_DIR}}/port.cc "int port() {{ return 1; }}")
file(WRITE ${{PROJECT_BINARY_DIR}}/core.cc "{core}")
file(WRITE ${{PROJECT_SOURCE_DIR}}/tests/link/alone.cc "int main() {{}}")
sluice_library(port SOURCES ${{PROJECT_BINARY_DIR}}/port.cc)
sluice_library(x_core SOURCES ${{PROJECT_BINARY_DIR}}/core.cc LINKS port)
sluice_link_test(x_core)
"""

    def build(self, core):
        with tempfile.TemporaryDirectory() as scratch:
            with open(os.path.join(scratch, "CMakeLists.txt"), "w", encoding="utf-8") as file:
                file.write(self.PROJECT.format(root=ROOT, core=core))
            quiet = {"cwd": scratch, "stdin": subprocess.DEVNULL, "capture_output": True,
                     "text": True, "check": False}
            configured = subprocess.run(["cmake", "-G", "Ninja", "-B", "b", "."], **quiet)
            self.assertEqual(configured.returncode, 0, configured.stderr)
            built = subprocess.run(["cmake", "--build", "b"], **quiet)
            return built.returncode, built.stdout + built.stderr

    def test_a_core_that_calls_a_port_does_not_link(self):
        code, said = self.build("int core() { return 2; }")
        self.assertEqual(code, 0, said)
        code, said = self.build("int port(); int core() { return port(); }")
        self.assertNotEqual(code, 0)
        self.assertIn("undefined", said)


class Reports(unittest.TestCase):
    REPORT = """<testsuites><testsuite name="Meter">
      <testcase name="Grants" classname="Meter" status="run" result="completed"/>
      <testcase name="Refuses" classname="Meter" status="run" result="completed">
        <failure message="no"/></testcase>
      <testcase name="Later" classname="Meter" status="run" result="skipped">
        <skipped message="needs Redis"/></testcase>
      <testcase name="DISABLED_Off" classname="Meter" status="notrun" result="suppressed"/>
    </testsuite></testsuites>"""

    def read(self, text):
        with tempfile.TemporaryDirectory() as scratch:
            path = os.path.join(scratch, "meter_test.xml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            return reports.read_report(path, "release/")

    def test_counts(self):
        tally = self.read(self.REPORT)
        self.assertEqual(tally.line(), "1 passed, 1 failed, 2 skipped")
        self.assertEqual(tally.skipped["release/meter_test.Meter.Later"], "needs Redis")

    def test_a_torn_report_is_a_failure(self):
        self.assertEqual(self.read(self.REPORT[:80]).line(), "0 passed, 1 failed, 0 skipped")

    def test_a_program_that_crashed_is_a_failure(self):
        with tempfile.TemporaryDirectory() as scratch:
            junit = os.path.join(scratch, "c.junit")
            with open(junit, "w", encoding="utf-8") as file:
                file.write('<testsuite><testcase name="meter_test" status="fail"/>'
                           '<testcase name="line_test" status="run"/></testsuite>')
            self.assertEqual(len(reports.read_ctest(junit, reports.Tally()).failed), 1)

    def test_a_skip_must_be_listed(self):
        with tempfile.TemporaryDirectory() as scratch:
            path = os.path.join(scratch, "skips.txt")
            with open(path, "w", encoding="utf-8") as file:
                file.write("# none\n*.Meter.Later  needs Redis\n")
            skipped = self.read(self.REPORT).skipped
            self.assertEqual(reports.unlisted(skipped, reports.allowed_skips(path)),
                             ["release/meter_test.Meter.DISABLED_Off"])
