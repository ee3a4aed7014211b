"""What a server says while nobody asks, cut into lines and read for one thing: which mailbox to look at (RFC 2177, 5465).

Bytes come in pieces of any size. It keeps little: a line or a name that grows beyond its cap ends the connection, because
an idle connection must cost next to nothing whatever the server sends (security R35, sync Y10). Numbers in these lines are
never used: the look that follows asks for itself (sync Y48).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from webmail.protocols.errors import ServerMisbehaved
from webmail.protocols.imap.channel import response_name
from webmail.protocols.imap.fetch_reader import Response
from webmail.protocols.imap.mailbox_list import MAX_RAW_NAME_BYTES
from webmail.protocols.imap.response_codes import read_alert, split_code
from webmail.protocols.imap.tokens import BadSyntax, token_value, tokenize

MAX_LINE_BYTES: Final = 65_536  # one answer with its literals
_LITERAL_END = re.compile(rb"\{(\d{1,10})\+?\}$")
_OF_MESSAGES = frozenset({b"EXISTS", b"EXPUNGE", b"VANISHED", b"FETCH"})
_OF_MAILBOXES = frozenset({b"LIST", b"LSUB"})

PushKind = Literal["messages", "mailboxes", "overflow", "alert"]


@dataclass(frozen=True, slots=True)
class Push:
    """Something happened.

    `kind`: "messages" (in `raw_name`; None: in the selected mailbox), "mailboxes" (the list of them has changed),
    "overflow" (the server stopped telling, RFC 5465 section 5.8) or "alert" (`text` is for people, RFC 3501 7.1).
    """

    kind: PushKind
    raw_name: bytes | None = None
    text: str = ""


class LineCutter:
    """Pieces in, whole answers out: each with its literals in place, without its line end."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, piece: bytes) -> list[Response]:
        """The answers that are whole now. Raises `ServerMisbehaved` beyond `MAX_LINE_BYTES`."""
        self._rest += piece
        found: list[Response] = []
        while (response := self._next()) is not None:
            if response.text:
                found.append(response)
        if len(self._rest) > MAX_LINE_BYTES:
            raise ServerMisbehaved("the server sent an endless line")
        return found

    def _next(self) -> Response | None:
        texts: list[bytes] = []
        literals: list[bytes] = []
        at = 0
        while True:
            end = self._rest.find(b"\n", at)
            if end < 0:
                return None
            line = bytes(self._rest[at:end]).removesuffix(b"\r")
            literal = _LITERAL_END.search(line[-16:]) if line.startswith(b"* ") or texts else None
            if literal is None:
                texts.append(line)
                del self._rest[: end + 1]
                return Response(b"".join(texts), literals)
            size = int(literal[1])
            if size > MAX_RAW_NAME_BYTES or end + 1 + size > MAX_LINE_BYTES:
                raise ServerMisbehaved("the server announced more data than an event holds")
            if len(self._rest) < end + 1 + size:
                return None
            texts.append(line[: len(line) - len(literal[0])] + b"{%d}\n" % len(literals))
            literals.append(bytes(self._rest[end + 1 : end + 1 + size]))
            at = end + 1 + size


def read_push(response: Response) -> Push | None:
    """What an untagged answer tells, or None when it is nothing to us."""
    name = response_name(response.text)
    if name in _OF_MESSAGES:
        return Push("messages")
    if name in _OF_MAILBOXES:
        return Push("mailboxes")
    if name == b"STATUS":
        raw_name = _status_name(response)
        # One that cannot be read still says that something happened somewhere.
        return Push("messages", raw_name) if raw_name else Push("mailboxes")
    if name in (b"OK", b"NO"):
        said = response.text[2:].partition(b" ")[2]
        if split_code(said)[0] == "NOTIFICATIONOVERFLOW":
            return Push("overflow")
        if alert := read_alert(said):
            return Push("alert", text=alert)
    return None


def _status_name(response: Response) -> bytes | None:
    try:
        token = tokenize(response.text)[2]
        name = token if token[:1] not in (b'"', b"{") else token_value(token, response.literals)
    except (BadSyntax, IndexError, ValueError):
        return None
    if not name or len(name) > MAX_RAW_NAME_BYTES:
        return None
    return b"INBOX" if name.upper() == b"INBOX" else name  # RFC 3501 5.1: in any case
