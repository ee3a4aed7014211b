"""The two ways to carry a message: DATA with dots (RFC 5321 4.1.1.4) and BDAT with counted octets (RFC 3030).

Both do the same three steps, and only the last one can make the server take the message:

    start    DATA: "DATA", answered 354             BDAT: nothing
    write    DATA: the text, dots doubled           BDAT: all chunks but the last, and the answer to each
    finish   DATA: ".CRLF" and its answer           BDAT: "BDAT n LAST", the last octets, and the answer

A chunk without LAST is never delivered: a server that loses the connection after it drops what it has (RFC 3030 2).
It must not decide whether to try again; `session` falls back from BDAT to DATA.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from webmail.protocols.errors import ConnectionLost, TemporarilyRefused
from webmail.protocols.smtp import timeouts
from webmail.protocols.smtp.replies import Reply, misbehaved, refusal
from webmail.protocols.smtp.wire import BLOCK_BYTES, to_crlf, to_wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from webmail.protocols.smtp.dialogue import Dialogue

CHUNK_BYTES = 262_144  # an answer for each costs little; no server keeps so little in memory
# Sent in one flight of TCP: what is between the point of no return and its answer is as short as with a dot.
LAST_CHUNK_BYTES = 16_384
LINE_SEARCH_BYTES = 2_000  # chunks are cut after a line end where one is near

GO_AHEAD = Reply(354, text="chunks may follow")
# RFC 5321 4.2.4: unknown, not implemented, out of sequence, parameter. They are about BDAT, not about the message.
_NO_CHUNKS_HERE = frozenset({500, 502, 503, 504})


class ChunksNotTaken(Exception):
    """The server does not take BDAT, whatever it offers; nothing of the message has arrived. Never leaves the session.

    `reply` is None when BDAT was not even tried, so that the envelope still stands."""

    def __init__(self, reply: Reply | None) -> None:
        super().__init__()
        self.reply = reply


class Body(Protocol):
    """One message under way. `start`, `write` and `finish` are called once each, in this order."""

    @property
    def needs_reset(self) -> bool:
        """Whether RSET must come before the next MAIL, after `finish`."""

    def start(self) -> Reply:
        """Ask to begin: 354, or a refusal."""

    def write(self, raw: bytes) -> None:
        """Everything that does not end the message. Raises; then the message was certainly not sent."""

    def finish(self) -> Reply:
        """End the message. `ServerError`: certainly not sent. `ConnectionLost` in any form: nobody knows."""


class DataBody:
    """DATA, the text with doubled dots, and a dot."""

    needs_reset = False  # the dot ends the transaction, whatever the answer (RFC 5321 4.1.1.4)

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue

    def start(self) -> Reply:
        reply = self._dialogue.exchange(b"DATA\r\n")
        if reply.is_positive and reply.code != 354:
            raise misbehaved(
                self._dialogue.connection, "the server answered DATA with something that is no answer to it"
            )
        return reply

    def write(self, raw: bytes) -> None:
        with self._dialogue.limits(timeouts.BODY_S):
            for block in to_wire(raw):
                with self._dialogue.limits(timeouts.BODY_BLOCK_S):
                    self._dialogue.connection.write(block)
        self._dialogue.refuse_early_reply()

    def finish(self) -> Reply:
        return _end(self._dialogue, b".\r\n")  # `to_wire` ended the last line


class ChunkedBody:
    """BDAT chunks.

    `is_proven`: this session has had a chunk accepted. Before that the first chunk is one octet, and its answer is waited
    for; with the last chunk that is as many round trips as DATA takes. A server, or something on the way to it, that
    offers CHUNKING and then does not know BDAT takes the octets for commands: one octet is none, nor is it with the RSET
    that follows. (Not "BDAT 0": Exim refuses it.)
    """

    def __init__(self, dialogue: Dialogue, *, is_proven: bool, is_pipelining: bool) -> None:
        self._dialogue = dialogue
        self.is_proven = is_proven
        self._is_pipelining = is_pipelining
        self._unanswered = 0
        self._last = b""
        self.needs_reset = False

    def start(self) -> Reply:
        self._dialogue.refuse_unsolicited()
        return GO_AHEAD

    def write(self, raw: bytes) -> None:
        """Raises `ChunksNotTaken` when BDAT is of no use here; then the envelope is lost, unless its `reply` is None."""
        chunks = self._chunks(raw)
        with self._dialogue.limits(timeouts.BODY_S):
            waiting = next(chunks)
            for chunk in chunks:
                self._write_chunk(waiting)
                waiting = chunk
            while self._unanswered:
                self._take_reply()
        self._dialogue.refuse_early_reply()
        self._last = waiting

    def finish(self) -> Reply:
        reply = _end(self._dialogue, b"BDAT %d LAST\r\n%b" % (len(self._last), self._last))
        self.needs_reset = not reply.is_positive  # RFC 3030 2: after a refused chunk only RSET makes a new start
        return reply

    def _chunks(self, raw: bytes) -> Iterator[bytes]:
        if self.is_proven:
            yield from cut_into_chunks(to_crlf(raw))
            return
        text = to_crlf(raw)
        first = next(text, b"")
        if first[:1] in {b"", b"\r"}:
            raise ChunksNotTaken(None)  # the message is empty, or begins with an empty line
        yield first[:1]
        yield from cut_into_chunks(_joined(first[1:], text))

    def _write_chunk(self, chunk: bytes) -> None:
        self._take_early_replies()
        octets = memoryview(b"BDAT %d\r\n%b" % (len(chunk), chunk))
        for start in range(0, len(octets), BLOCK_BYTES):
            with self._dialogue.limits(timeouts.BODY_BLOCK_S):
                self._dialogue.connection.write(octets[start : start + BLOCK_BYTES])
        self._unanswered += 1
        if not self.is_proven or not self._is_pipelining:
            self._take_reply()

    def _take_early_replies(self) -> None:
        """Answers that have come already: a refusal must not wait until the rest is written."""
        while self._unanswered and self._dialogue.connection.has_data(wait_s=0):
            self._take_reply()
        if not self._unanswered:
            self._dialogue.refuse_early_reply()

    def _take_reply(self) -> None:
        reply = self._dialogue.read_completion()
        self._unanswered -= 1
        if reply.is_positive:
            self.is_proven = True
            return
        if not self.is_proven and reply.code in _NO_CHUNKS_HERE:
            raise ChunksNotTaken(reply)
        self._dialogue.connection.close()  # what is unanswered would be read as the answer to something else
        raise refusal(reply, "the mail server refused the message before it ended")


def cut_into_chunks(text: Iterable[bytes]) -> Iterator[bytes]:
    """Chunks of about `CHUNK_BYTES`, at least one; the last one has at most `LAST_CHUNK_BYTES` and a line."""
    held = bytearray()
    for block in text:
        held += block
        while len(held) >= CHUNK_BYTES + LAST_CHUNK_BYTES:
            yield _take(held, CHUNK_BYTES)
    if len(held) > LAST_CHUNK_BYTES:
        yield _take(held, len(held) - LAST_CHUNK_BYTES)
    yield bytes(held)


def _take(held: bytearray, size: int) -> bytes:
    """Cut about `size` bytes off the front, after a line end if one is near, never between CR and LF."""
    line_end = held.rfind(b"\r\n", max(size - LINE_SEARCH_BYTES, 0), size)
    if line_end >= 0:
        size = line_end + 2
    elif held[size - 1 : size + 1] == b"\r\n":
        size += 1
    chunk = bytes(held[:size])
    del held[:size]
    return chunk


def _joined(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _end(dialogue: Dialogue, end: bytes) -> Reply:
    """Write what ends the message, unless the server has spoken or gone, and read the answer."""
    try:
        dialogue.refuse_early_reply(wait_s=timeouts.LISTEN_S)
    except ConnectionLost as error:
        # Known to be unsent; as ConnectionLost it would bother the user with a doubt that does not exist.
        raise TemporarilyRefused("the connection ended before the message did") from error
    with dialogue.limits(timeouts.FINAL_DOT_S):
        dialogue.connection.write(end)
        return dialogue.read_completion(seconds=timeouts.FINAL_DOT_S)
