"""Free loopback ports that stay ours for as long as this process lives.

Asking the kernel for port 0 is not enough: the number may go to the next outgoing connection while a test has its server
stopped. So ports come from below the range of outgoing connections, and a lock file keeps parallel test processes apart.
"""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

FIRST_PORT = 20_000
# Linux hands out 32768 and up for outgoing connections (net.ipv4.ip_local_port_range).
LAST_PORT = 32_000

_held: list[IO[bytes]] = []


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on and no other test process takes; raises `OSError` when none is left."""
    directory = Path(tempfile.gettempdir()) / f"pillarbox-test-ports-{os.getuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    # Not seeded by the test run: parallel workers share a seed and would all walk the same way.
    for port in random.SystemRandom().sample(range(FIRST_PORT, LAST_PORT), 500):
        lock = (directory / str(port)).open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        if _is_free(port):
            _held.append(lock)
            return port
        lock.close()
    raise OSError("no free loopback port found")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
