"""The part of the session that reads pieces of messages: structures, single sections, ranges of octets (RFC 3501 6.4.5).

Nothing here sets \\Seen, and nothing here knows what a section is good for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from webmail.protocols.errors import BadArgument, PermanentlyRefused
from webmail.protocols.imap import uid_set
from webmail.protocols.imap.channel import Command, raise_if_refused, response_name
from webmail.protocols.imap.fetch_reader import Response, is_fetch, read_fetch
from webmail.protocols.imap.mailboxes import Mailboxes
from webmail.protocols.imap.tokens import BadSyntax, read_number, skip_node, token_value, tokenize
from webmail.protocols.imap.wire import COMMAND_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from webmail.protocols.imap.types import BodyStructure

STRUCTURES_IN_FLIGHT: Final = 2
SECTIONS_IN_FLIGHT: Final = 8  # commands; each asks for little
MESSAGES_A_COMMAND: Final = 50  # of one shape, so that a command's answer stays small
MAX_SECTIONS_BYTES: Final = 4_194_304  # of one message in all; one with more is left out
_SECTION_CHARS: Final = frozenset("0123456789.HEADERMITX")

Sections = dict[str, bytes]


class Parts(Mailboxes):
    """See the module."""

    @property
    def bytes_written(self) -> int:
        """Bytes sent so far, for the daily budget of an account."""
        return self._wire.connection.bytes_written

    def fetch_structures(self, uids: Sequence[int]) -> Iterator[tuple[int, BodyStructure]]:
        """(uid, structure) of these messages; those the server does not have, or whose structure is too deep, too long
        or broken, are left out."""
        wanted = set(uids)
        commands: list[Command] = [
            (b"UID FETCH", text, b"(UID BODYSTRUCTURE)") for text in uid_set.compress_in_chunks(uids)
        ]
        for item in self._pipeline(commands, in_flight=STRUCTURES_IN_FLIGHT, max_bytes=COMMAND_BYTES):
            if isinstance(item, tuple):
                raise_if_refused("FETCH", item[1])
                continue
            row = read_fetch(item) if is_fetch(item.text) else None
            if row is None or row.uid is None or row.structure is None:
                self._note(item)
            elif row.uid in wanted:
                wanted.discard(row.uid)
                yield row.uid, row.structure

    def fetch_sections(self, wanted: Mapping[int, Sequence[str]]) -> Iterator[tuple[int, Sections]]:
        """(uid, section to bytes) for each message, with the sections asked for, such as "HEADER", "1.MIME" or "1.2".

        Messages that want the same sections share a command; several commands are in flight. A message the server does
        not have, or whose sections are more than `MAX_SECTIONS_BYTES`, is left out. Raises `BadArgument` for a name that
        is no section.
        """
        open_uids = set(wanted)
        for item in self._pipeline(
            _section_commands(wanted),
            in_flight=SECTIONS_IN_FLIGHT,
            max_bytes=COMMAND_BYTES,
            keep_bytes=MAX_SECTIONS_BYTES,
        ):
            if isinstance(item, tuple):
                raise_if_refused("FETCH", item[1])
                continue
            found = read_sections(item)
            if found is None or not found[1]:
                self._note(item)
            elif found[0] in open_uids:
                open_uids.discard(found[0])
                if sum(map(len, found[1].values())) < MAX_SECTIONS_BYTES:
                    yield found

    def fetch_message_pieces(self, uid: int, *, piece_bytes: int, max_bytes: int) -> Iterator[bytes]:
        """The raw message piece by piece, one in memory at a time; nothing when the mailbox has no such UID.

        Raises `PermanentlyRefused` with code TOOBIG beyond `max_bytes`, and with code PARTIAL when the server sends
        more than it is asked for. Other commands may run between two pieces.
        """
        offset = 0
        while True:
            piece = self._fetch_piece(uid, offset, piece_bytes)
            if piece is None:
                if offset:
                    raise PermanentlyRefused("the message went away while it was read", code="EXPUNGEISSUED")
                return
            if len(piece) > piece_bytes:
                raise PermanentlyRefused("the server sends no pieces of messages", code="PARTIAL")
            offset += len(piece)
            if offset > max_bytes:
                raise PermanentlyRefused("the message is larger than is taken here", code="TOOBIG")
            if piece or not offset:
                yield piece
            if len(piece) < piece_bytes:
                return

    def _fetch_piece(self, uid: int, offset: int, count: int) -> bytes | None:
        found: list[bytes] = []

        def take(name: bytes, response: Response) -> bool:
            row = read_fetch(response) if name == b"FETCH" else None
            if row is None or row.body is None or row.uid != uid:
                return False
            found.append(row.body)
            return True

        self._make_ready()
        with self._guarded():
            self._wire.begin(max_bytes=COMMAND_BYTES + count)
            item = b"(UID BODY.PEEK[]<%d.%d>)" % (offset, count)
            tag = self._wire.start(b"UID FETCH", uid_set.compress([uid]), item)
            tagged = self._finish(tag, take, keep_bytes=count + 1)
        raise_if_refused("FETCH", tagged)
        return found[0] if found else None


def _section_commands(wanted: Mapping[int, Sequence[str]]) -> Iterator[Command]:
    shapes: dict[tuple[str, ...], list[int]] = {}
    for uid, sections in wanted.items():
        shapes.setdefault(tuple(sections), []).append(uid)
    for sections, uids in shapes.items():
        for name in sections:
            if not name or not set(name) <= _SECTION_CHARS:
                raise BadArgument(f"{name[:20]!r} is no section of a message")
        items = b" ".join(b"BODY.PEEK[%s]" % name.encode("ascii") for name in sections)
        for at in range(0, len(uids), MESSAGES_A_COMMAND):
            some = sorted(uids[at : at + MESSAGES_A_COMMAND])
            for text in uid_set.compress_in_chunks(some):
                yield b"UID FETCH", text, b"(UID " + items + b")"


def read_sections(response: Response) -> tuple[int, Sections] | None:
    """`* n FETCH (UID u BODY[1.MIME] ... BODY[1] ...)` as (uid, sections); None when it is something else. Never raises."""
    if response_name(response.text) != b"FETCH":
        return None
    tokens = tokenize(response.text)
    if len(tokens) < 4 or tokens[3] != b"(":
        return None
    uid: int | None = None
    sections: Sections = {}
    at = 4
    try:
        while tokens[at] != b")":
            name = tokens[at].upper()
            if name.startswith(b"BODY[") and b"]" in name:
                section = name[5 : name.index(b"]")].decode("ascii", "replace")
                sections[section] = token_value(tokens[at + 1], response.literals) or b""
                at += 2
            elif name == b"UID":
                uid = read_number(tokens[at + 1], highest=uid_set.MAX_UID)
                at += 2
            else:
                at = skip_node(tokens, at + 1)
    except (BadSyntax, IndexError, ValueError):
        return None
    return (uid, sections) if uid else None
