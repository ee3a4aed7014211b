"""A message as SMTP carries it (RFC 5321 4.1.1.4 and 4.5.2). Pure: bytes in, bytes out.

Line ends are made CRLF first and dots are doubled afterwards (security R32). In the other order a lone CR or LF before
a dot would end the message early at a server that takes it for a line end, and what follows would be read as commands
(CVE-2023-51764).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_BYTES = 65_536  # of the input; a block on the wire may be twice as long

_LINE_END = re.compile(rb"\r\n|\r|\n")


def to_wire(raw: bytes) -> Iterator[bytes]:
    """Yield `raw` in blocks: every line ends in CRLF, no CR or LF stands alone, a dot that begins a line is doubled.

    The last line is ended too, so that ".CRLF" may follow. An empty message yields nothing.
    """
    at_line_start = True
    start = 0
    while start < len(raw):
        end = min(start + BLOCK_BYTES, len(raw))
        if raw[end - 1 : end + 1] == b"\r\n":
            end += 1  # a CRLF cut in two would count as two line ends
        block = _LINE_END.sub(b"\r\n", raw[start:end])
        stuffed = block.replace(b"\r\n.", b"\r\n..")
        if at_line_start and stuffed.startswith(b"."):
            stuffed = b"." + stuffed
        yield stuffed
        at_line_start = block.endswith(b"\r\n")
        start = end
    if not at_line_start:
        yield b"\r\n"
