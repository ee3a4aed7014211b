"""The part of the session that listens: IDLE (RFC 2177), one wait at a time, so that a caller stays in charge, and what
the server says for people to read.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Final, cast

from webmail.protocols.errors import PermanentlyRefused
from webmail.protocols.imap.channel import SMALL_ANSWER_BYTES, Channel, Command, OnUntagged, raise_if_refused
from webmail.protocols.imap.response_codes import read_alert, refusal
from webmail.protocols.imap.wire import KEEP_LITERAL_BYTES

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from webmail.protocols.imap.fetch_reader import Response
    from webmail.protocols.imap.types import IdleEvent
    from webmail.protocols.imap.wire import Tagged, Wire

RENEW_AFTER_S: Final = 25 * 60  # RFC 2177: servers may hang up after 30 min; sync Y77: before 29
MAX_EVENTS_PER_CALL: Final = 1_000
MAX_ALERTS: Final = 10  # kept until somebody asks


class Idling(Channel):
    """See the module."""

    _idle_since = 0.0
    _alerts: tuple[str, ...] = ()

    def idle(self, *, timeout_s: float) -> list[IdleEvent]:
        """What the server says within `timeout_s`, as soon as it says something; empty when the time is over.

        IDLE stays open between calls and is renewed before servers hang up; `stop_idle` or any other command ends it.
        Events that came earlier, with other commands, are handed out first (sync Y48). Raises `PermanentlyRefused`
        with code CANNOT when the server does not offer IDLE, or the error of its refusal: poll then (Y77).
        """
        if not self.supports("IDLE"):
            raise PermanentlyRefused("the server does not offer to announce new mail", code="CANNOT")
        if self._events:
            return self.take_events()
        deadline = time.monotonic() + timeout_s
        while not self._events:
            self._keep_idling()
            left = deadline - time.monotonic()
            with self._guarded():
                if left <= 0 or not self._wire.has_data(wait_s=min(left, RENEW_AFTER_S)):
                    if time.monotonic() >= deadline:
                        break
                    continue
                self._read_what_is_there()
        return self.take_events()

    def take_alerts(self) -> list[str]:
        """What the server said with [ALERT] since the last call, login included: people must read it (RFC 3501 7.1)."""
        for said in self._wire.untagged_responses.pop("OK", None) or ():
            if isinstance(said, bytes):  # what imaplib kept of the login
                self._hear(said)
        found, self._alerts = list(self._alerts), ()
        return found

    def _note(self, response: Response) -> None:
        self._hear_untagged(response)
        super()._note(response)

    def _pipeline(
        self,
        commands: Iterable[Command],
        *,
        in_flight: int,
        max_bytes: int,
        keep_bytes: int = KEEP_LITERAL_BYTES,
        stops_at_refusal: bool = True,
    ) -> Iterator[Response | tuple[int, Tagged]]:
        answers = super()._pipeline(
            commands,
            in_flight=in_flight,
            max_bytes=max_bytes,
            keep_bytes=keep_bytes,
            stops_at_refusal=stops_at_refusal,
        )
        with closing(
            cast("Generator[Response | tuple[int, Tagged], None, None]", answers)
        ):  # a reader that stops early leaves the connection in step
            for answer in answers:
                if not isinstance(answer, tuple):
                    self._hear_untagged(answer)
                elif answer[1].status == "OK":
                    self._hear(answer[1].raw_text)
                yield answer

    def _finish(
        self, tag: bytes, on_untagged: OnUntagged | None = None, *, keep_bytes: int = KEEP_LITERAL_BYTES
    ) -> Tagged:
        def take(name: bytes, response: Response) -> bool:
            self._hear_untagged(response)
            return on_untagged is not None and on_untagged(name, response)

        tagged = super()._finish(tag, take, keep_bytes=keep_bytes)
        if tagged.status == "OK":  # a refusal carries its text itself
            self._hear(tagged.raw_text)
        return tagged

    def _hear_untagged(self, response: Response) -> None:
        if response.text[:5].upper() in (b"* OK ", b"* NO "):
            self._hear(response.text[5:])

    def _hear(self, said: bytes) -> None:
        alert = read_alert(said)
        if alert and alert not in self._alerts:
            self._alerts = (*self._alerts, alert)[-MAX_ALERTS:]

    def notify(self, events: bytes, *, within_s: float) -> None:
        """NOTIFY SET (RFC 5465): `events` are the event groups as on the wire. Raises the error of a refusal."""
        self._make_ready()
        with self._guarded():
            self._wire.begin(seconds=within_s, max_bytes=SMALL_ANSWER_BYTES)
            raise_if_refused("to announce changes", self._finish(self._wire.start(b"NOTIFY SET", events)))

    def enter_idle(self, *, within_s: float) -> tuple[bytes, Wire]:
        """Begin IDLE for somebody who goes on with the bare connection: its tag, and the connection.

        Raises as `idle` does, and `DeadlineExceeded` when the server does not answer `within_s`.
        """
        if not self.supports("IDLE"):
            raise PermanentlyRefused("the server does not offer to announce new mail", code="CANNOT")
        self._make_ready()
        self._begin_idle(seconds=within_s)
        if self._idle_tag is None:
            raise PermanentlyRefused("the server does not stay in IDLE", code="CANNOT")
        return self._idle_tag, self._wire

    def _keep_idling(self) -> None:
        if self._idle_tag is not None and time.monotonic() - self._idle_since > RENEW_AFTER_S:
            self.stop_idle()
        if self._idle_tag is not None:
            return
        self._make_ready()
        self._begin_idle()

    def _begin_idle(self, *, seconds: float | None = None) -> None:
        with self._guarded():
            self._wire.begin(seconds=seconds, max_bytes=SMALL_ANSWER_BYTES)
            tag = self._wire.start(b"IDLE")
            while True:
                response = self._wire.read_response()
                if response.text.startswith(b"+"):
                    break
                tagged = self._wire.tagged(response, (tag,))
                if tagged is not None:
                    raise refusal("to announce new mail", tagged.raw_text)
                self._note(response)
            self._idle_tag = tag
            self._idle_since = time.monotonic()

    def _read_what_is_there(self) -> None:
        self._wire.begin(max_bytes=SMALL_ANSWER_BYTES)
        for _ in range(MAX_EVENTS_PER_CALL):
            response = self._wire.read_response()
            tags = (self._idle_tag,) if self._idle_tag is not None else ()
            if self._wire.tagged(response, tags) is not None:
                self._idle_tag = None  # the server ended it by itself
                return
            self._note(response)
            if not self._wire.has_data(wait_s=0):
                return
