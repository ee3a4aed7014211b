"""A line-by-line IMAP client for tests that care about exact bytes. It interprets nothing but literals and tags."""

from __future__ import annotations

import re
import socket
from types import TracebackType
from typing import Self


class RawImap:
    """Sends a command and returns every line of its answer; the tagged line is the last."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._file = self._socket.makefile("rb")
        self._count = 0
        self.greeting = self._file.readline()

    def login(self, user: str, password: str) -> Self:
        assert self.command(f'LOGIN "{user}" "{password}"')[-1].split()[1] == b"OK"
        return self

    def send(self, line: str | bytes) -> bytes:
        """Send a command with a new tag and return the tag."""
        self._count += 1
        tag = b"t%d" % self._count
        data = line if isinstance(line, bytes) else line.encode()
        self._socket.sendall(tag + b" " + data + b"\r\n")
        return tag

    def send_raw(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read_line(self) -> bytes:
        """One logical line, with literals in place; empty when the server has closed."""
        line = self._file.readline()
        while match := re.search(rb"\{(\d+)\}\r\n\Z", line):
            line += self._file.read(int(match[1])) + self._file.readline()
        return line

    def command(self, line: str | bytes) -> list[bytes]:
        return self.read_answer(self.send(line))

    def read_answer(self, tag: bytes) -> list[bytes]:
        lines = []
        while line := self.read_line():
            if not line.endswith(b"\r\n"):
                break
            lines.append(line.removesuffix(b"\r\n"))
            if line.startswith(tag + b" "):
                return lines
        raise ConnectionError(f"closed after {lines!r}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._socket.close()
