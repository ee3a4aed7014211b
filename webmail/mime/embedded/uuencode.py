"""Files that old programs put into a text as lines of uuencode (POSIX uuencode), one or several."""

import re
from collections.abc import Iterator
from typing import Final

from webmail.mime.embedded.found import FoundFile

_BEGIN: Final = re.compile(rb"^begin(-base64)? [0-7]{3,4} ([^\r\n]{1,500}+)\r?\n", re.MULTILINE)
_END: Final = re.compile(rb"^(?:end|====)[ \t]*+\r?$", re.MULTILINE)
_BASE64_LINE: Final = re.compile(rb"[A-Za-z0-9+/]{4,100}+={0,2}\s*")
# Lines looked at where the end is missing.
_MAX_LINES: Final = 1_000_000
# Lines that look like the first one of a file; a text about uuencode has some.
_MAX_BEGINS: Final = 2_000
# Characters that mail systems took off the end of a line, or that programs add (a checksum).
_MISSING: Final = 8
_ADDED: Final = 3


def find_uuencoded(content: bytes) -> Iterator[FoundFile]:
    """The files in order, each with the lines from `begin` to `end`; text that only looks like one is left alone."""
    position = 0
    has_end = True
    for _ in range(_MAX_BEGINS):
        begin = _BEGIN.search(content, position)
        if begin is None:
            return
        position = begin.end()
        if not _is_first_line(content, begin):
            continue
        end = _END.search(content, begin.end()) if has_end else None
        has_end = end is not None
        stop = end.end() if end is not None else _end_of_lines(content, begin.end())
        stop = content.find(b"\n", stop) + 1 or len(content) if end is not None else stop
        yield FoundFile(begin.group(2), begin.start(), stop, "x-uuencode", is_cut=end is None)
        position = stop


def _is_first_line(content: bytes, begin: re.Match[bytes]) -> bool:
    line = _line_at(content, begin.end())
    if begin.group(1):
        return _BASE64_LINE.fullmatch(line) is not None
    return _is_uu_line(line) or _END.fullmatch(line) is not None


def _line_at(content: bytes, start: int) -> bytes:
    end = content.find(b"\n", start, start + 1_000)
    return content[start : end if end >= 0 else start + 1_000].rstrip(b"\r")


def _is_uu_line(line: bytes) -> bool:
    if not line or not 0x20 <= line[0] <= 0x60:
        return False
    needed = ((line[0] - 32 & 63) + 2) // 3 * 4 + 1
    # A backslash that became a yen sign in UTF-8 (see `transfer`) is one character.
    size = len(line) - line.count(b"\xc2\xa5")
    return needed - _MISSING <= size <= needed + _ADDED and (size > 1 or needed == 1)


def _end_of_lines(content: bytes, start: int) -> int:
    for _ in range(_MAX_LINES):
        if start >= len(content) or not _is_uu_line(_line_at(content, start)):
            break
        start = content.find(b"\n", start) + 1 or len(content)
    return start
