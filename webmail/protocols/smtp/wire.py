"""A message as SMTP carries it (RFC 5321 4.1.1.4 and 4.5.2, RFC 3030). Pure: bytes in, bytes out.

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
    """Yield `raw` as DATA carries it, in blocks: as `to_crlf`, and a dot that begins a line is doubled.

    The last line is ended too, so that ".CRLF" may follow. An empty message yields nothing.
    """
    at_line_start = True
    for block in to_crlf(raw):
        stuffed = block.replace(b"\r\n.", b"\r\n..")
        yield b"." + stuffed if at_line_start and stuffed.startswith(b".") else stuffed
        at_line_start = block.endswith(b"\r\n")


def to_crlf(raw: bytes) -> Iterator[bytes]:
    """Yield `raw` in blocks: every line ends in CRLF, the last one too, and no CR or LF stands alone.

    That is what BDAT carries. Its octets are counted, so a lone LF could not end the message at the first server; it is
    made CRLF all the same, because text is promised without BODY=BINARYMIME and the next server may be one with DATA.
    """
    at_line_start = True
    start = 0
    while start < len(raw):
        end = min(start + BLOCK_BYTES, len(raw))
        if raw[end - 1 : end + 1] == b"\r\n":
            end += 1  # a CRLF cut in two would count as two line ends
        block = _LINE_END.sub(b"\r\n", raw[start:end])
        yield block
        at_line_start = block.endswith(b"\r\n")
        start = end
    if not at_line_start:
        yield b"\r\n"
