"""A policy service for Postfix that refuses each sender and recipient once: greylisting as receivers do it (RFC 6647)."""

import socketserver
import threading
from typing import Self

FIRST_ANSWER = "450 4.2.0 Greylisted, please try again later"


class Greylisting:
    """Answers Postfix on a free loopback port (`check_policy_service`). `seen` counts how often each pair was asked for.

    Only recipients in `recipients` are kept waiting; all when it is empty.
    """

    def __init__(self, *, recipients: frozenset[str] = frozenset()) -> None:
        self.seen: dict[tuple[str, str], int] = {}
        self._recipients = recipients
        self._lock = threading.Lock()
        service = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                attributes: dict[str, str] = {}
                while line := self.rfile.readline():
                    name, equals, value = line.decode("utf-8", "replace").strip().partition("=")
                    if equals:
                        attributes[name] = value
                        continue
                    self.wfile.write(f"action={service.answer(attributes)}\n\n".encode())
                    attributes = {}

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def answer(self, attributes: dict[str, str]) -> str:
        """The action for one recipient."""
        pair = (attributes.get("sender", ""), attributes.get("recipient", ""))
        with self._lock:
            self.seen[pair] = self.seen.get(pair, 0) + 1
            is_first = self.seen[pair] == 1
        is_watched = not self._recipients or pair[1] in self._recipients
        return FIRST_ANSWER if is_first and is_watched else "DUNNO"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
