"""Running commands on one connection: the ground the typed session stands on. It knows tags, budgets and pipelining,
and remembers what the server says unasked (sync Y48). It knows nothing of mailboxes or messages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from webmail.protocols.errors import ProtocolError, ServerMisbehaved
from webmail.protocols.imap import uid_set
from webmail.protocols.imap.fetch_reader import Response, read_fetch
from webmail.protocols.imap.response_codes import refusal
from webmail.protocols.imap.types import IdleEvent
from webmail.protocols.imap.uid_set import UidRanges
from webmail.protocols.imap.wire import (
    KEEP_LITERAL_BYTES,
    Client,
    LiteralArgument,
    Tagged,
    Wire,
    imap_errors,
)

SMALL_ANSWER_BYTES: Final = 4_194_304
MAX_KEPT_EVENTS: Final = 10_000  # the oldest are dropped; the next delta finds what they said
MAX_EVENT_UIDS: Final = 1_000  # in one event; a larger one names none and the next delta finds them
DRAIN_S: Final = 30.0
DRAIN_BYTES: Final = 33_554_432
_UNTAGGED_STATUS = frozenset({b"OK", b"NO", b"BAD"})

OnUntagged = Callable[[bytes, Response], bool]
Command = tuple[bytes | LiteralArgument, ...]


def response_name(text: bytes) -> bytes:
    """`* 12 FETCH (...)` -> `FETCH`, `* LIST ...` -> `LIST`; empty when it is no untagged answer."""
    if not text.startswith(b"* "):
        return b""
    words = text[2:66].split(None, 2)
    if len(words) > 1 and words[0].isdigit():
        return words[1].partition(b"(")[0].upper()
    return words[0].partition(b"(")[0].upper() if words else b""


class Channel:
    """One logged-in connection. Not for two threads at once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._wire: Wire = client.wire
        self._capabilities: frozenset[str] = frozenset()
        self._events: deque[IdleEvent] = deque(maxlen=MAX_KEPT_EVENTS)
        self._idle_tag: bytes | None = None
        self._is_streaming = False
        self._has_served = False

    # Facts --------------------------------------------------------------------------------------------------

    @property
    def capabilities(self) -> frozenset[str]:
        """What the server offered after login, upper case; QRESYNC only when it was really enabled (sync Y13)."""
        return self._capabilities

    def supports(self, name: str) -> bool:
        """Whether the server offers this capability."""
        return name.upper() in self._capabilities

    @property
    def bytes_read(self) -> int:
        """Bytes received so far, for the daily budget of an account."""
        return self._wire.connection.bytes_read

    @property
    def has_served(self) -> bool:
        """Whether commands were run since the login: only then can a lost connection be an old one that nobody missed."""
        return self._has_served

    @property
    def is_closed(self) -> bool:
        """Whether the connection is gone, by us or by a failure."""
        return self._wire.connection.is_closed

    def fileno(self) -> int:
        """For selectors in `watch`."""
        return self._wire.connection.fileno()

    def take_events(self) -> list[IdleEvent]:
        """What the server said unasked since the last call or `idle`."""
        events = list(self._events)
        self._events.clear()
        return events

    # Commands -----------------------------------------------------------------------------------------------

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Errors of the package only; after one that leaves us out of step the connection is closed."""
        try:
            with imap_errors():
                yield
        except ServerMisbehaved:
            self._wire.connection.close()
            raise

    def _make_ready(self) -> None:
        if self._is_streaming:
            raise RuntimeError("a fetch on this session is still being read")
        if self._idle_tag is not None:
            self.stop_idle()
        self._has_served = True

    def _run(
        self,
        *parts: bytes | LiteralArgument,
        what: str,
        on_untagged: OnUntagged | None = None,
        max_bytes: int = SMALL_ANSWER_BYTES,
    ) -> Tagged:
        """One command to its end. `on_untagged(name, response)` returns whether it took the answer; others are noted.

        Raises the error of the refusal for NO and BAD.
        """
        self._make_ready()
        with self._guarded():
            self._wire.begin(max_bytes=max_bytes)
            tag = self._wire.start(*parts, non_sync=self._is_non_sync(parts))
            tagged = self._finish(tag, on_untagged)
            if tagged.status != "OK":
                raise refusal(what, tagged.raw_text)
            return tagged

    def _finish(
        self, tag: bytes, on_untagged: OnUntagged | None = None, *, keep_bytes: int = KEEP_LITERAL_BYTES
    ) -> Tagged:
        while True:
            response = self._wire.read_response(keep_bytes=keep_bytes)
            tagged = self._wire.tagged(response, (tag,))
            if tagged is not None:
                return tagged
            if on_untagged is None or not on_untagged(response_name(response.text), response):
                self._note(response)

    def _is_non_sync(self, parts: Command) -> bool:
        literals = [part for part in parts if isinstance(part, LiteralArgument)]
        if not literals:
            return False
        # RFC 7888: LITERAL- allows it up to 4,096 bytes. A longer one waits, so that a refusal costs nothing.
        return self.supports("LITERAL-") and all(len(part.data) <= 4096 for part in literals)

    def _pipeline(
        self,
        commands: Iterable[Command],
        *,
        in_flight: int,
        max_bytes: int,
        keep_bytes: int = KEEP_LITERAL_BYTES,
        stops_at_refusal: bool = True,
    ) -> Iterator[Response | tuple[int, Tagged]]:
        """Run commands with up to `in_flight` sent ahead. Yields each untagged answer, and (index, completion) when a
        command ends, OK or not. Answers of commands in flight may interleave (sync Y14).

        `max_bytes` is the cap per command. A reader that stops early leaves the connection in step: the rest of what
        is in flight is read and thrown away, within limits, or else the connection is closed.
        """
        self._make_ready()
        self._is_streaming = True
        pending: dict[bytes, int] = {}
        queue = enumerate(commands)
        wire = self._wire
        try:
            with self._guarded():
                wire.begin(max_bytes=max_bytes * in_flight)
                self._send_ahead(queue, pending, in_flight)
                while pending:
                    response = wire.read_response(keep_bytes=keep_bytes)
                    if response.text.startswith(b"* ") and response.text[2:3] not in b"Bb":
                        yield response
                        continue
                    tagged = wire.tagged(response, tuple(pending))
                    if tagged is None:
                        continue
                    index = pending.pop(tagged.tag)
                    wire.begin(max_bytes=max_bytes * in_flight)
                    if tagged.status == "OK" or not stops_at_refusal:
                        self._send_ahead(queue, pending, in_flight)
                    yield index, tagged
        finally:
            self._drain(pending)
            self._is_streaming = False

    def _send_ahead(self, queue: Iterator[tuple[int, Command]], pending: dict[bytes, int], in_flight: int) -> None:
        while len(pending) < in_flight:
            following = next(queue, None)
            if following is None:
                return
            index, command = following
            pending[self._wire.start(*command)] = index

    def _drain(self, pending: dict[bytes, int]) -> None:
        if not pending or self._wire.connection.is_closed:
            return
        try:
            with imap_errors():
                self._wire.begin(seconds=DRAIN_S, max_bytes=DRAIN_BYTES)
                while pending:
                    tagged = self._wire.tagged(self._wire.read_response(keep_bytes=0), tuple(pending))
                    if tagged is not None:
                        del pending[tagged.tag]
        except ProtocolError:
            self._wire.connection.close()

    # Unasked ------------------------------------------------------------------------------------------------

    def _note(self, response: Response) -> None:
        """Remember an unsolicited answer, if it says anything about the selected mailbox."""
        event = read_event(response)
        if event is not None:
            self._events.append(event)

    def stop_idle(self) -> None:
        """End IDLE; no effect when not idling. What came meanwhile waits in `take_events`."""
        if self._idle_tag is None:
            return
        tag, self._idle_tag = self._idle_tag, None
        with self._guarded():
            self._wire.begin(max_bytes=SMALL_ANSWER_BYTES)
            self._wire.write(b"DONE\r\n")
            self._finish(tag)

    def noop(self) -> None:
        """NOOP: a sign of life, and a chance for the server to say what is new."""
        self._run(b"NOOP", what="NOOP")

    def close(self) -> None:
        """Log out and close. Never raises; a connection out of step is closed without a word."""
        if not self.is_closed:
            try:
                if not self._is_streaming:
                    self.stop_idle()
                    with imap_errors():
                        self._wire.begin(seconds=5.0, max_bytes=SMALL_ANSWER_BYTES)
                        self._wire.start(b"LOGOUT")
                        while True:
                            self._wire.tagged(self._wire.read_response(), ())
            except ProtocolError:
                pass  # BYE is how LOGOUT ends
            finally:
                self._wire.connection.close()


def read_event(response: Response) -> IdleEvent | None:
    """An unsolicited answer as an event, or None."""
    name = response_name(response.text)
    if name in _UNTAGGED_STATUS:
        return None
    if name in (b"EXISTS", b"EXPUNGE"):
        number = response.text[2:].split(None, 1)[0]
        if not number.isdigit() or len(number) > 10:
            return None
        return IdleEvent(name.decode("ascii").lower(), number=int(number))
    if name == b"VANISHED":
        claimed = UidRanges(read_vanished(response.text).ranges)
        count = len(claimed)
        return IdleEvent("vanished", number=count, uids=tuple(claimed) if count <= MAX_EVENT_UIDS else ())
    if name == b"FETCH":
        row = read_fetch(response)
        return IdleEvent("keywords", keywords=row.keyword_data() if row is not None else None)
    return None


@dataclass(frozen=True)
class VanishedClaim:
    """What a VANISHED answer says is gone, as (first, last) ranges. `is_doubtful`: it is no proper set of UIDs (sync Y46)."""

    ranges: list[tuple[int, int]]
    is_earlier: bool
    is_doubtful: bool


def read_vanished(text: bytes) -> VanishedClaim:
    """`* VANISHED (EARLIER) 1:3` (RFC 7162 3.2.10). Never raises."""
    words = text.split()
    is_earlier = len(words) > 2 and words[2].upper() == b"(EARLIER)"
    at = 3 if is_earlier else 2
    ranges, is_doubtful = uid_set.parse_claim(words[at]) if len(words) > at else ([], False)
    return VanishedClaim(ranges, is_earlier, is_doubtful)


def raise_if_refused(what: str, tagged: Tagged) -> None:
    """Raise the error of the refusal unless the command ended in OK."""
    if tagged.status != "OK":
        raise refusal(what, tagged.raw_text)
