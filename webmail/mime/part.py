"""What a parsed message is: `Message` and its tree of `Part`s (RFC 8621 4.1.4).

A part knows where its bytes lie in the message and decodes them when asked; it keeps no second copy.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from webmail.mime.charsets import decode_bytes, find_codec, html_charset
from webmail.mime.defects import Defect
from webmail.mime.headers import Headers, ListHeaders
from webmail.mime.transfer import IDENTITY, decode_start, decode_transfer, is_known_encoding


@dataclass(slots=True, eq=False)
class Part:
    """One entity: a leaf, a `multipart/*` with `parts`, or a `message/rfc822` that `nested` opens.

    `part_id`: the section number IMAP gives it ("1", "1.2"); None for a multipart. `type`: lower case.
    `charset`: as labelled, "us-ascii" for unlabelled text, None for anything else. `disposition`: lower case or None.
    `name`: the decoded file name. `cid`: without angle brackets. `encoding`: lower case, "" if there is none.

    A leaf may hold parts of its own: the files in a text or in a winmail.dat, the content of what is signed in one piece.
    They are its `parts`, their ids go on from its id with a letter ("1.u1", "2.t1"), and `is_embedded` tells them from those
    that IMAP knows. `left_out`: where such files stand in the decoded content of a text, which `text` then leaves out.
    """

    part_id: str | None
    type: str
    headers: Headers
    charset: str | None = None
    disposition: str | None = None
    name: str | None = None
    cid: str | None = None
    language: tuple[str, ...] | None = None
    location: str | None = None
    encoding: str = ""
    parts: tuple["Part", ...] = ()
    source: memoryview = field(default_factory=lambda: memoryview(b""), repr=False)
    parser: Callable[[bytes], "Message"] | None = field(default=None, repr=False)
    is_embedded: bool = False
    left_out: tuple[tuple[int, int], ...] = ()
    _size_bytes: int | None = field(default=None, repr=False)

    @property
    def is_multipart(self) -> bool:
        """Whether the part has sub-parts instead of content."""
        return self.part_id is None

    @property
    def size_bytes(self) -> int:
        """Octets after transfer decoding: what a download gives."""
        if self._size_bytes is None:
            self._size_bytes = len(self.source) if self.encoding in IDENTITY else len(self.decoded())
        return self._size_bytes

    def known_size(self, size_bytes: int) -> None:
        """Say how large the content is where it was left out (see `skeleton`)."""
        self._size_bytes = size_bytes

    def decoded(self) -> bytes:
        """The content after transfer decoding; decoded anew on each call. b"" for a multipart."""
        if self.is_multipart:
            return b""
        content = decode_transfer(self.source, self.encoding)
        self._size_bytes = len(content)
        return content

    def start(self, max_bytes: int) -> bytes:
        """The first octets of the content, at most `max_bytes`, without decoding all of it."""
        return b"" if self.is_multipart else decode_start(self.source, self.encoding, max_bytes)

    def text(self, max_bytes: int | None = None) -> tuple[str, bool]:
        """The content as text with LF line ends, and RFC 8621's `isEncodingProblem`.

        `max_bytes`: decode no more than about so many octets of content, and end with a whole line or character there.
        Files in it (`left_out`) are left out. NUL is dropped: no database column and no page can hold it.
        """
        raw = self._text_bytes(max_bytes)
        charset = self.charset
        if self.type == "text/html" and not raw.isascii() and find_codec(charset or "") in (None, "ascii"):
            charset = html_charset(raw) or charset
        text, has_problem = decode_bytes(raw, charset)
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if "\0" in text:
            text = text.replace("\0", "")
        return text, has_problem or not is_known_encoding(self.encoding)

    def _text_bytes(self, max_bytes: int | None) -> bytes:
        if max_bytes is None:
            raw = self.decoded()
        else:
            # One octet more tells whether there is more.
            limit = max_bytes + sum(end - start for start, end in self.left_out) + 1
            raw = self.start(limit)
        if self.left_out:
            raw = _without(raw, self.left_out)
        return raw if max_bytes is None or len(raw) <= max_bytes else _whole_end(raw[:max_bytes])

    def nested(self) -> "Message":
        """The message inside a `message/rfc822` or `message/global` part. Raises MessageTooLargeError."""
        if self.parser is None:
            raise ValueError(f"{self.type} holds no message")
        return self.parser(self.decoded())

    def walk(self) -> Iterator["Part"]:
        """This part and all below it, depth first, in order."""
        pending = [self]
        while pending:
            part = pending.pop()
            yield part
            pending.extend(reversed(part.parts))


def _without(raw: bytes, ranges: tuple[tuple[int, int], ...]) -> bytes:
    pieces = []
    position = 0
    for start, end in ranges:
        pieces.append(raw[position:start])
        position = end
    pieces.append(raw[position:])
    return b"".join(pieces)


def _whole_end(raw: bytes) -> bytes:
    """`raw` up to its last line end if one is near, else without the beginning of a character of UTF-8 at its end."""
    line_end = raw.rfind(b"\n", max(0, len(raw) - 2_000))
    if line_end > 0 and b"\0" not in raw[line_end - 1 : line_end + 2]:
        return raw[: line_end + 1]
    for back in range(1, min(4, len(raw)) + 1):
        byte = raw[-back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return raw[:-back] if back < needed else raw
        if byte < 0x80:
            break
    return raw[: len(raw) & ~1]


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """A whole message, or its skeleton. `defects`: short names of what was wrong or cut off; never a reason not to show it.

    `left_out`: section numbers of the parts whose content is not here, which only a skeleton has.
    """

    headers: Headers
    list_headers: ListHeaders
    root: Part
    defects: tuple[Defect, ...] = ()
    left_out: frozenset[str] = frozenset()

    def part(self, part_id: str) -> Part | None:
        """The part with this section number, or None."""
        return next((part for part in self.root.walk() if part.part_id == part_id), None)
