"""Files in a text as yEnc (yEnc 1.3): single, or the pieces of one that was cut into several messages."""

import re
from collections.abc import Iterator
from typing import Final

from webmail.mime.embedded.found import FoundFile

_BEGIN: Final = re.compile(rb"^=ybegin ([^\r\n]{1,1000}+)\r?\n(?:=ypart ([^\r\n]{1,200}+)\r?\n)?", re.MULTILINE)
_END: Final = re.compile(rb"^=yend ([^\r\n]{0,200}+)\r?(?:\n|\Z)", re.MULTILINE)
_LINE: Final = re.compile(rb"^=y(?:begin|part|end) [^\n]*+\n?", re.MULTILINE)
_NUMBER: Final = re.compile(rb"(?:^|[ \t])(part|size|begin|end)=([0-9]{1,12})")
_NAME: Final = re.compile(rb"(?:^|[ \t])name=(.*)")
_SHIFT: Final = bytes((byte - 42) % 256 for byte in range(256))
_ESCAPED: Final = bytes((byte - 64 - 42) % 256 for byte in range(256))
# Lines that look like the first one of a file.
_MAX_BEGINS: Final = 2_000
# Escapes undone in one file. An honest one has some of each hundred bytes; a second of work allows this many.
_MAX_ESCAPES: Final = 3_000_000


def find_yenc(content: bytes) -> Iterator[FoundFile]:
    """The files in order, from `=ybegin` to behind `=yend`."""
    position = 0
    for _ in range(_MAX_BEGINS):
        begin = _BEGIN.search(content, position)
        if begin is None:
            return
        name = _NAME.search(begin.group(1))
        numbers = dict(_NUMBER.findall(begin.group(1)[: name.start()] if name else b""))
        if name is None or b"size" not in numbers:
            position = begin.end()
            continue
        end = _END.search(content, begin.end())
        position = end.end() if end is not None else len(content)
        yield FoundFile(
            name.group(1).strip().strip(b'"'),
            begin.start(),
            position,
            "x-yenc",
            is_cut=end is None,
            number=int(numbers.get(b"part", b"0")),
            total_bytes=int(numbers[b"size"]),
        )


def decode_yenc(raw: bytes) -> bytes:
    """The content of one block, or of the pieces of one file behind each other; b"" for what has too many escapes."""
    data = _LINE.sub(b"", raw).translate(None, b"\r\n")
    if data.count(b"=") > _MAX_ESCAPES:
        return b""
    first, *rest = data.split(b"=")
    out = [first.translate(_SHIFT)]
    pending = False
    for piece in rest:
        if pending:
            # An escaped "=": what follows it is plain.
            out.append(_ESCAPED[0x3D:0x3E] + piece.translate(_SHIFT))
            pending = False
        elif not piece:
            pending = True
        else:
            out.append(_ESCAPED[piece[0] : piece[0] + 1] + piece[1:].translate(_SHIFT))
    return b"".join(out)
