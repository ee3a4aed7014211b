"""One of the processes that answer requests: `python -m webmail.workers.pages --host H --port P …`.

Python computes on one core a process, so there are several. All listen on the same port, and the kernel shares the connections
out (SO_REUSEPORT; `listening_socket` says where that is not to be had). Nothing of a request lives only in one of them: sessions
are rows, and what is kept in memory is compared with the state of the database each time.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys

import uvicorn

MAX_PROCESSES = 4  # each holds some 150 MB; beyond, the database is what people wait for
BACKLOG = 2_048


def number_of_processes() -> int:
    """How many there should be on this machine. One where a port cannot be shared fairly (macOS gives all to the last)."""
    return min(_cores(), MAX_PROCESSES) if sys.platform == "linux" else 1


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket on this port, shared with processes of the same user that ask for the same. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, or asyncio does not set TCP_NODELAY and each answer waits 40 ms for an acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform == "linux":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--proxy-headers", action="store_true", help="a proxy in front tells the client's address")
    parser.add_argument("--figures", help="a directory in which the processes count together")
    options = parser.parse_args()
    if options.figures:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = options.figures  # read when the figures are imported
    config = uvicorn.Config(
        "webmail.asgi:application",
        proxy_headers=options.proxy_headers,
        access_log=False,
        server_header=False,
        log_level="warning",
        lifespan="off",
        timeout_graceful_shutdown=2,
        backlog=BACKLOG,
    )
    config.load()  # before anybody can connect: a connection shall not wait for imports
    uvicorn.Server(config).run(sockets=[listening_socket(options.host, options.port)])


if __name__ == "__main__":
    main()
