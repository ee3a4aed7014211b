"""The seam where a test scripts faults: both demo servers ask a `Hooks` object before they greet, act and answer.

The default does nothing. It must stay small: everything a fault needs beyond it belongs to the fakes of the tests.
"""

from __future__ import annotations

from dataclasses import dataclass


class Cut(Exception):
    """Close the connection now, after sending `data`; with `reset` as a TCP reset instead of an orderly end."""

    def __init__(self, data: bytes = b"", *, reset: bool = False) -> None:
        super().__init__("connection cut")
        self.data = data
        self.reset = reset


@dataclass(frozen=True)
class Instead:
    """Send this instead of carrying the command out.

    `untagged`: whole lines with CRLF. `status`: the text after the tag ("NO [INUSE] busy"), for POP3 the whole line.
    """

    untagged: bytes = b""
    status: bytes = b""


class Hooks:
    """Override what you need; every method may also raise `Cut`."""

    def greeting(self, default: bytes) -> bytes:
        """Return the line sent when a client connects, with CRLF."""
        return default

    def before(self, command: str, line: bytes) -> Instead | None:
        """Look at a command before it runs. `command`: upper case, such as "UID FETCH"; `line`: all its bytes."""
        return None

    def outgoing(self, command: str, data: bytes) -> bytes:
        """Look at everything a command answers, status line included, before it is sent."""
        return data
