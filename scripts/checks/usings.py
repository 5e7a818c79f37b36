"""A source's using-declarations are used. (clang-tidy would say it of a file looked at alone only.)"""

import re

_USING = re.compile(r"^\s*using\s+(?:typename\s+)?(?:\w+::|::)+(\w+);", re.M)


def check(tree):
    problems = []
    for name in (n for n in tree.cpp() if n.endswith(".cc")):
        code = tree.code(name)
        for match in _USING.finditer(code):
            if len(re.findall(rf"\b{match.group(1)}\b", code)) == 1:
                line = code.count("\n", 0, match.start(1)) + 1
                problems.append(f"{name}:{line}: nothing uses {match.group(1)}")
    return problems
