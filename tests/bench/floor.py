"""What the protocol itself costs: the same FETCH, read from a bare socket and thrown away."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

LIST_ITEMS = (
    "(UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Reply-To Sender Subject"
    " Date Message-ID In-Reply-To References List-Id List-Unsubscribe Auto-Submitted)])"
)
BODY_ITEMS = "(UID BODY.PEEK[])"
_CHUNK_BYTES = 1 << 20
_LOOK_BACK_BYTES = 8_192  # a tagged line is shorter


@dataclass(frozen=True)
class Floor:
    """Seconds, and bytes received."""

    wall_s: float
    cpu_s: float
    received: int


class RawImap:
    """A logged-in connection that looks at nothing but tags."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.recv(4_096)
        self._buffer = bytearray(_CHUNK_BYTES)
        self._number = 0
        self.ask(f"LOGIN {user} {password}")

    def ask(self, command: str) -> bytes:
        """Runs a command; the last bytes of the answer, tagged line included."""
        self._send(command)
        return self._drain()[1]

    def uids(self) -> list[int]:
        """All UIDs of the selected mailbox, which has no holes."""
        found = re.search(rb"UIDNEXT (\d+)", self.ask("STATUS INBOX (UIDNEXT)"))
        assert found is not None
        return list(range(1, int(found[1])))

    def fetch(self, uids: Sequence[int], items: str, *, batch: int) -> Floor:
        """Ascending UIDs without holes, in batches, one after the other."""
        self.ask("EXAMINE INBOX")
        wall, cpu, received = time.perf_counter(), time.process_time(), 0
        for at in range(0, len(uids), batch):
            part = uids[at : at + batch]
            self._send(f"UID FETCH {part[0]}:{part[-1]} {items}")
            received += self._drain()[0]
        return Floor(time.perf_counter() - wall, time.process_time() - cpu, received)

    def close(self) -> None:
        """Drop the connection."""
        self._socket.close()

    def _send(self, command: str) -> None:
        self._number += 1
        self._socket.sendall(f"F{self._number} {command}\r\n".encode())

    def _drain(self) -> tuple[int, bytes]:
        mark = b"\nF%d " % self._number
        total, tail = 0, b"\n"
        while True:
            count = self._socket.recv_into(self._buffer)
            if not count:
                raise EOFError("the server closed the connection")
            total += count
            tail = (tail + bytes(self._buffer[max(0, count - _LOOK_BACK_BYTES) : count]))[-_LOOK_BACK_BYTES:]
            at = tail.rfind(mark)
            if at >= 0 and tail.endswith(b"\r\n"):
                assert b" OK" in tail[at:], tail[at:]
                return total, tail
