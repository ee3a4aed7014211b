"""What a parsed message is: `Message` and its tree of `Part`s (RFC 8621 4.1.4).

A part knows where its bytes lie in the message and decodes them when asked; it keeps no second copy.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from webmail.mime.charsets import decode_bytes
from webmail.mime.headers import Headers, ListHeaders
from webmail.mime.transfer import IDENTITY, decode_transfer, is_known_encoding


@dataclass(slots=True, eq=False)
class Part:
    """One entity: a leaf, a `multipart/*` with `parts`, or a `message/rfc822` that `nested` opens.

    `part_id`: the section number IMAP gives it ("1", "1.2"); None for a multipart. `type`: lower case.
    `charset`: as labelled, "us-ascii" for unlabelled text, None for anything else. `disposition`: lower case or None.
    `name`: the decoded file name. `cid`: without angle brackets. `encoding`: lower case, "" if there is none.
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

    def text(self) -> tuple[str, bool]:
        """The content as text with LF line ends, and RFC 8621's `isEncodingProblem`.

        NUL is dropped: no database column and no page can hold it.
        """
        text, has_problem = decode_bytes(self.decoded(), self.charset)
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if "\0" in text:
            text = text.replace("\0", "")
        return text, has_problem or not is_known_encoding(self.encoding)

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


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """A whole message, or its skeleton. `defects`: short names of what was wrong or cut off; never a reason not to show it.

    `left_out`: section numbers of the parts whose content is not here, which only a skeleton has.
    """

    headers: Headers
    list_headers: ListHeaders
    root: Part
    defects: tuple[str, ...] = ()
    left_out: frozenset[str] = frozenset()

    def part(self, part_id: str) -> Part | None:
        """The part with this section number, or None."""
        return next((part for part in self.root.walk() if part.part_id == part_id), None)
