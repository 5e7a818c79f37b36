"""Fits the screen: functions <= 70 lines, files <= 500, parameters <= 4, a main.cc <= 45."""

import ast
import re

from checks.sources import STAGES

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500
MAIN_LINES_MAX = 45
PARAMETERS_MAX = 4
TEST_PARAMETERS_MAX = 6  # what wires a simulated world together names all that it wires
STAGE_MAINS = {stage + "/main.cc" for stage in STAGES}
# Longer with a reason: the contract stands in one place, a reader compares it with the proto.
LONG_FILES = {"lib/wire/messages.h"}
# Callbacks whose parameters a library dictates (MHD_AccessHandlerCallback, XML_StartDoctypeDeclHandler).
DICTATED = {("lib/port/http_server.cc", "access"), ("bench/floors/http_floor.cc", "take"),
            ("lib/aws/xml.cc", "doctype")}

_SCOPE = re.compile(r"^(?:template\b.*)?(?:inline\s+)?(?:namespace|class|struct|union|enum|extern)\b",
                    re.S)
_NO_FUNCTION = re.compile(r"^(?:if|for|while|switch|do|else|try|catch|return)\b")
_NOT_PARAMETERS = ("noexcept", "requires", "decltype", "alignas", "explicit")


def check(tree):
    problems = []
    for name in tree.cpp() + tree.python():
        lines = tree.text(name).count("\n")
        most = MAIN_LINES_MAX if name in STAGE_MAINS else FILE_LINES_MAX
        if lines > most and name not in LONG_FILES:
            problems.append(f"{name}:1: {lines} lines, at most {most}")
        allowed = TEST_PARAMETERS_MAX if name.startswith("tests/") else PARAMETERS_MAX
        functions = cpp_functions if name.endswith((".h", ".cc")) else python_functions
        for title, line, length, parameters in functions(tree, name):
            if length > FUNCTION_LINES_MAX:
                problems.append(f"{name}:{line}: {title} has {length} lines, "
                                f"at most {FUNCTION_LINES_MAX}")
            if parameters > allowed and (name, title) not in DICTATED:
                problems.append(f"{name}:{line}: {title} has {parameters} parameters, "
                                f"at most {allowed}")
    return problems


def python_functions(tree, name):
    for node in ast.walk(ast.parse(tree.text(name), name)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            positional = [a.arg for a in node.args.args if a.arg not in ("self", "cls")]
            required = len(positional) - len(node.args.defaults)
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1, required


def cpp_functions(tree, name):
    """(title, first line, lines, parameters) of each function that is defined in the file.

    Reads text, not C++: enters namespaces and classes, takes the rest of what has a parameter list
    before its brace for a function, and skips initialisers.
    """
    code = re.sub(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", lambda m: "\n" * m.group(0).count("\n"),
                  tree.code(name), flags=re.M)
    at, start, depth = 0, 0, 0
    while at < len(code):
        char = code[at]
        if char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif depth == 0 and char in ";}":
            start = at + 1
        elif depth == 0 and char == "{":
            head = code[start:at]
            kind = _kind(head.strip())
            if kind == "scope":
                start = at + 1
            else:
                end = _closing(code, at)
                if kind == "function":
                    yield _measured(code, start, end, head)
                at = end
                start = start if kind == "member" else end + 1
        at += 1


def _kind(head):
    """Of the brace after this text: scope, function, member (of a constructor's list), value."""
    head = re.sub(r"^(?:(?:public|private|protected)\s*:\s*)+", "", head)
    outside = _outside_parentheses(head)
    if _SCOPE.match(head) and "(" not in outside:
        return "value" if head.startswith("enum") else "scope"
    if re.search(r"\)\s*(?:noexcept\s*)?:(?!:)", outside) and re.search(r"[\w>]$", head) \
            and not head.endswith(("const", "override", "noexcept")):
        return "member"
    if "(" not in outside or _NO_FUNCTION.match(head):
        return "value"
    before = outside.split("(")[0]
    return "value" if "=" in before and "operator" not in before else "function"


def _outside_parentheses(text):
    kept, depth = [], 0
    for char in text:
        depth -= char == ")"
        if depth == 0:
            kept.append(char)
        depth += char == "("
    return "".join(kept)


def _closing(code, at):
    depth = 0
    for place in range(at, len(code)):
        depth += (code[place] == "{") - (code[place] == "}")
        if depth == 0:
            return place
    return len(code)


def _measured(code, start, end, head):
    first = start + len(head) - len(head.lstrip())
    line = code.count("\n", 0, first) + 1
    length = code.count("\n", first, end) + 1
    title, parameters = _parameters(head)
    return title, line, length, parameters


def _parameters(head):
    """Name and number of parameters; macros such as TEST have no count."""
    declared = re.split(r"\)\s*(?:noexcept\s*)?:(?!:)", head)[0]
    groups = [m for m in re.finditer(r"([\w~]+|operator\s*\S+?)\s*\((?!\s*\)\s*\()", declared)
              if m.group(1) not in _NOT_PARAMETERS]
    if not groups:
        return "function", 0
    title = groups[0].group(1)
    if title.isupper() or "_PROP" in title or title.startswith("TEST"):
        return title, 0
    count, depth, angle, inside = 0, 0, 0, False
    for char in declared[groups[0].end():]:
        if char == ")" and depth == 0:
            break
        depth += (char in "([{") - (char in ")]}")
        angle += (char == "<") - (char == ">")
        inside = inside or not char.isspace()
        count += char == "," and depth == 0 and angle == 0
    return title, count + 1 if inside else 0
