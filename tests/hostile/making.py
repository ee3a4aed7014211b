"""How hostile messages are put together, and the table they are entered in: `tests.hostile.classes` fills it."""

import base64
from collections.abc import Callable
from typing import Final

MAX_BYTES: Final = 50_000_000
Make = Callable[[], bytes]
HOSTILE: dict[str, Make] = {}

TOP: Final = b"From: a@b.example\r\nTo: c@d.example\r\nSubject: hostile\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMIME-Version: 1.0\r\n"


def hostile(name: str) -> Callable[[Make], Make]:
    """Enter a generator in the table."""

    def enter(make: Make) -> Make:
        HOSTILE[name] = make
        return make

    return enter


def filled(unit: bytes, size: int = MAX_BYTES - 2_000) -> bytes:
    """`unit` again and again, `size` bytes at most, never cut in its middle."""
    return unit * (size // len(unit))


def text(body: bytes, *, kind: bytes = b"text/plain; charset=utf-8", encoding: bytes = b"8bit") -> bytes:
    """A message of one part."""
    return TOP + b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body


def page(body: bytes) -> bytes:
    """A message of one HTML part."""
    return text(body, kind=b"text/html; charset=utf-8")


def attached(name: bytes, kind: bytes, content: bytes) -> bytes:
    """A message with a line of text and a file."""
    encoded = base64.encodebytes(content)
    return (
        TOP + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n--b\r\n'
        b"Content-Type: " + kind + b'; name="' + name + b'"\r\nContent-Disposition: attachment; filename="' + name + b'"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded + b"\r\n--b--\r\n"
    )  # fmt: skip
