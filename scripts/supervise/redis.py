"""The Redis on which the limiters decide: somebody's, or one of this run's own."""

import os
import shutil

from supervise.layout import Stop

SOCKET_MAX = 100  # bytes of a unix socket's path

# What must stay true of a Redis that holds grants: nothing is evicted, and each write is in the
# operating system's hands before its answer leaves (appendonly). A power cut may take the last
# second (everysec); a server that comes back is another life anyway, and the limiters wait until
# nothing that it may have forgotten can count any more. Its memory is bounded, so that grants stop
# (the limiter's store_max) before the kernel ends the server.
CONF = """# Written by scripts/run at each start.
port 0
unixsocket {folder}/redis.sock
unixsocketperm 700
dir {folder}
appendonly yes
appendfsync everysec
save ""
maxmemory {memory}
maxmemory-policy noeviction
loglevel warning
"""


def memory():
    """A quarter of the machine's, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4


class Own:
    """A redis-server in the data directory. `fresh`: there was none before."""

    def __init__(self, data):
        self.program = shutil.which("redis-server")
        if self.program is None:
            raise Stop(75, "--redis start: there is no redis-server; scripts/setup installs it")
        self.folder = os.path.join(data, "redis")
        self.url = f"unix://{self.folder}/redis.sock"
        if len(os.fsencode(self.folder)) > SOCKET_MAX:
            raise Stop(78, f"{self.folder}/redis.sock is too long for a socket; --data takes a "
                       "shorter one")
        try:
            self.fresh = not os.path.isdir(os.path.join(self.folder, "appendonlydir"))
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            with open(os.path.join(self.folder, "redis.conf"), "w", encoding="utf-8") as file:
                file.write(CONF.format(folder=self.folder, memory=memory()))
        except OSError as error:
            raise Stop(75, f"{self.folder}: {error.strerror}") from error

    def command(self):
        return [self.program, os.path.join(self.folder, "redis.conf")]

    def flags(self):
        """Of each limiter. No replica takes over, so none needs to be waited for."""
        return ["--store", "redis", "--redis", self.url, "--store-topology", "single"]


class Elsewhere:
    """A Redis that runs already."""

    fresh = False

    def __init__(self, url):
        self.url = url

    def command(self):
        return None

    def flags(self):
        return ["--store", "redis", "--redis", self.url]


def of(parsed, data):
    """What the limiters are to decide on; None: what their settings say."""
    if parsed.redis is None:
        return None
    return Own(data) if parsed.redis == "start" else Elsewhere(parsed.redis)
