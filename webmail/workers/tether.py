"""Ties a process to its parent and becomes another program: `tether.py NICENESS PROGRAM ARGUMENT...`.

On Linux the kernel sends SIGTERM to the program when its parent dies, even by kill -9, so no orphan keeps a port. Run as a
script with nothing but the standard library: it costs some 20 ms at each start.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def tie_to_parent() -> None:
    """SIGTERM for this process when the thread that started it ends. It stays over exec. Does nothing but on Linux."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before we could ask
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    tie_to_parent()
    os.nice(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the arguments are ours
