"""The pipe between a process and its child: a length, a JSON head, then as many bytes as the head says."""

from __future__ import annotations

import json
import struct
from typing import IO, Any, Final

_LENGTH: Final = struct.Struct("!I")
MAX_HEAD_BYTES: Final = 256_000_000


def write_frame(stream: IO[bytes], head: Any, data: bytes = b"") -> None:
    """Send one frame. Raises OSError when the other end is gone."""
    encoded = json.dumps(head, separators=(",", ":")).encode()
    stream.write(_LENGTH.pack(len(encoded)))
    stream.write(encoded)
    stream.write(data)
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[Any, bytes]:
    """Take one frame; its head names the size of the data as "size". Raises EOFError when the other end is gone."""
    (length,) = _LENGTH.unpack(_read(stream, _LENGTH.size))
    if length > MAX_HEAD_BYTES:
        raise EOFError("not a frame")
    head = json.loads(_read(stream, length))
    return head, _read(stream, head.get("size", 0))


def _read(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size) if size else b""
    if len(data) < size:
        raise EOFError("the other end is gone")
    return data
