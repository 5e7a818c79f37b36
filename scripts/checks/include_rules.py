"""Who may include whom (docs/architecture.md, "The layers")."""

from checks.sources import STAGES

STANDARD = set("""
algorithm any array atomic barrier bit bitset cassert cctype cerrno cfenv cfloat charconv chrono
cinttypes climits clocale cmath compare complex concepts condition_variable coroutine csetjmp
csignal cstdarg cstddef cstdint cstdio cstdlib cstring ctime cuchar cwchar cwctype deque exception
execution filesystem format forward_list fstream functional future initializer_list iomanip ios
iosfwd iostream istream iterator latch limits list locale map memory memory_resource mutex new
numbers numeric optional ostream queue random ranges ratio regex scoped_allocator semaphore set
shared_mutex source_location span sstream stack stdexcept stop_token streambuf string string_view
strstream syncstream system_error thread tuple type_traits typeindex typeinfo unordered_map
unordered_set utility valarray variant vector version""".split())

# A room of lib: what of ours it sees, and what of others besides the standard library.
LIB = {
    "lib/base": (("lib/base/",), ()),
    "lib/digest": (("lib/base/", "lib/digest/"), ("openssl/",)),
    "lib/wire": (("lib/base/", "lib/digest/", "lib/wire/"), ("google/protobuf/",)),
    "lib/port": (("lib/base/", "lib/digest/", "lib/wire/", "lib/port/"), None),
    "lib/aws": (("lib/base/", "lib/digest/", "lib/port/", "lib/aws/"), None),
    "lib/stage": (("lib/base/", "lib/digest/", "lib/wire/", "lib/port/", "lib/stage/"), None),
}
CORE_SEES = ("lib/base/", "lib/digest/", "lib/wire/", "lib/stage/core.h")

# Headers that cost seconds in each file that includes them: sources of one folder only. With a
# name: that file or folder and no other.
HEAVY = {
    "toml++/": None, "toml.hpp": None, "CLI/": None, "nlohmann/": None, "simdjson": None,
    "spdlog/": None, "curl/": "lib/port/", "microhttpd": "lib/port/", "zmq": "lib/port/",
    "sqlite3": "lib/port/", "hiredis": "lib/port/", "google/protobuf/": "lib/wire/codec.cc",
}


def check(tree):
    problems = []
    for room, (ours, others) in LIB.items():
        for name in tree.cpp(room):
            problems += _wrong_includes(tree, name, ours, others)
    for stage in STAGES:
        for name in tree.cpp(stage):
            problems += _wrong_includes(tree, name, ("lib/", stage + "/"), None)
        for name in core_files(tree, stage):
            problems += _wrong_includes(tree, name, CORE_SEES + (stage + "/",), ())
    return sorted(set(problems)) + _heavy(tree)


def core_files(tree, stage):
    """The stage's files that its core library is made of, headers that it reaches included."""
    found = set()
    for name, (target, _) in tree.commands().items():
        if target == stage + "_core":
            found.update(f for f in tree.closure(name) if f.startswith(stage + "/"))
    return sorted(found)


def _wrong_includes(tree, name, ours, others):
    problems = []
    for line, header, is_ours in tree.includes(name):
        if is_ours and not header.startswith(ours):
            problems.append(f"{name}:{line}: may not include \"{header}\"")
        elif is_ours and not tree.exists(header):
            problems.append(f"{name}:{line}: \"{header}\" is not a path from the root")
        elif not is_ours and others is not None and header not in STANDARD \
                and not header.startswith(others or ("\n",)):
            problems.append(f"{name}:{line}: may not include <{header}>")
    return problems


def _heavy(tree):
    problems = []
    names = [n for n in tree.cpp() if not n.startswith(("tests/", "bench/"))]
    for prefix, home in HEAVY.items():
        users = [(n, line) for n in names for line, header, ours in tree.includes(n)
                 if not ours and header.startswith(prefix)]
        folders = {n.rsplit("/", 1)[0] for n, _ in users}
        for name, line in users:
            if not name.endswith(".cc"):
                problems.append(f"{name}:{line}: <{prefix}...> in a header of ours")
            elif home and not name.startswith(home):
                problems.append(f"{name}:{line}: <{prefix}...> belongs to {home} only")
            elif len(folders) > 1:
                problems.append(f"{name}:{line}: <{prefix}...> is included by several folders: "
                                + ", ".join(sorted(folders)))
    return problems
