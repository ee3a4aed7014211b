"""Ties a process to its parent and becomes another program: `tether.py NICENESS PORT PROGRAM ARGUMENT...`.

On Linux the kernel sends SIGTERM to the program when its parent dies, even by kill -9, so no orphan keeps a port. With a
PORT other than 0 the program begins once something listens there: workers leave the processors to the first page. Run as
a script with nothing but the standard library: it costs some 20 ms at each start.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import time

PR_SET_PDEATHSIG = 1  # linux/prctl.h
LONGEST_WAIT_S = 10.0


def tie_to_parent() -> None:
    """SIGTERM for this process when the thread that started it ends. It stays over exec. Does nothing but on Linux."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before we could ask
        os.kill(os.getpid(), signal.SIGTERM)


def wait_for_port(port: int) -> None:
    """Until something takes connections on this loopback port, but not for ever."""
    until = time.monotonic() + LONGEST_WAIT_S
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


if __name__ == "__main__":
    tie_to_parent()
    os.nice(int(sys.argv[1]))
    if sys.argv[2] != "0":
        wait_for_port(int(sys.argv[2]))
    os.execv(sys.argv[3], sys.argv[3:])  # noqa: S606 - the arguments are ours
