"""A logged-in connection that only listens, for a selector loop that holds hundreds (sync Y75).

    session.select(...) -> start_listening(session) -> Listening: IDLE (RFC 2177), after NOTIFY (RFC 5465) where offered
    readable -> receive() -> pushes          now and then -> check(): DONE, NOOP, IDLE again

Nothing here waits. The round of DONE, NOOP and IDLE renews IDLE long before servers hang up, and a connection that does not
answer it is dead although it looks open (Y77). What a server tells only in that round it should have told before: such a
server is silent in IDLE and has to be polled.
"""

from __future__ import annotations

import enum
import time
from typing import TYPE_CHECKING, Final

from webmail.protocols.errors import DeadlineExceeded, PermanentlyRefused, ProtocolError, ServerMisbehaved
from webmail.protocols.imap.pushes import LineCutter, Push, read_push
from webmail.protocols.imap.response_codes import goodbye, refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from webmail.protocols.imap.fetch_reader import Response
    from webmail.protocols.imap.session import LiveImapSession
    from webmail.protocols.transport import Connection

# Seconds between two rounds; the last one goes on. RFC 2177: servers may hang up after 30 min (Y77: before 29). The first
# ones come soon, so that a server that is silent in IDLE is found out while somebody may be waiting for mail.
ROUNDS_S: Final = (60.0, 120.0, 240.0, 540.0)
ANSWER_S: Final = 30.0  # for the answers of a round
BEGIN_S: Final = 20.0  # for NOTIFY and IDLE at the beginning, each
MAX_RECEIVE_BYTES: Final = 65_536  # at once; then others have their turn
SILENT_AFTER_STRIKES: Final = 2  # one may be chance: something happened between DONE and NOOP
MIN_IDLE_S: Final = 5.0  # a shorter IDLE proves nothing
MAX_EARLY_ENDS: Final = 3  # IDLE that the server ends by itself at once, again and again

_MESSAGES = b"MessageNew MessageExpunge FlagChange"
# What to be told, the most first: servers need not know all events ([BADEVENT], RFC 5465 section 5).
_EVENT_SETS: Final = (
    b"(SELECTED (%b)) (PERSONAL (%b MailboxName SubscriptionChange))" % (_MESSAGES, _MESSAGES),
    b"(SELECTED (%b)) (PERSONAL (MessageNew MessageExpunge MailboxName))" % _MESSAGES,
)


class _State(enum.Enum):
    IDLE = "idle"
    ENDING = "ending"  # DONE was sent
    ASKING = "asking"  # NOOP was sent
    BEGINNING = "beginning"  # IDLE was sent


def start_listening(
    session: LiveImapSession, *, with_notify: bool = True, rounds_s: Sequence[float] = ROUNDS_S
) -> Listening:
    """Begin NOTIFY where it is offered, then IDLE, and take the connection over: the session must not be used again.

    A mailbox must be selected. Raises `PermanentlyRefused` when IDLE is not offered or refused, `DeadlineExceeded` when
    it is not answered (poll such a server, Y77), else what commands raise.
    """
    has_notify = with_notify and session.supports("NOTIFY") and _set_notify(session)
    tag, wire = session.enter_idle(within_s=BEGIN_S)
    return Listening(wire.connection, tag, unread=wire.take_unread(), has_notify=has_notify, rounds_s=rounds_s)


def _set_notify(session: LiveImapSession) -> bool:
    for events in _EVENT_SETS:
        try:
            session.notify(events, within_s=BEGIN_S)
        except ProtocolError:
            if session.is_closed:
                raise
        else:
            return True
    return False


class Listening:
    """One connection. Not for two threads at once. After any error it is closed."""

    def __init__(
        self,
        connection: Connection,
        idle_tag: bytes,
        *,
        unread: bytes = b"",
        has_notify: bool = False,
        rounds_s: Sequence[float] = ROUNDS_S,
    ) -> None:
        self.has_notify = has_notify
        self._connection = connection
        self._cutter = LineCutter()
        self._unread = unread
        self._state = _State.IDLE
        self._tag = idle_tag
        self._next_tag = 0
        self._rounds_s = rounds_s
        self._round = 0
        self._since = time.monotonic()
        self._due_at = self._since + rounds_s[0]
        self._told_late = False
        self._strikes = 0
        self._early_ends = 0

    @property
    def is_silent(self) -> bool:
        """Whether this server tells nothing in IDLE that it tells when asked (Y77)."""
        return self._strikes >= SILENT_AFTER_STRIKES

    @property
    def has_more(self) -> bool:
        """Whether `receive` has something to read that no selector will tell of."""
        return bool(self._unread) or self._connection.has_decrypted

    def fileno(self) -> int:
        """For selectors."""
        return self._connection.fileno()

    def receive(self) -> list[Push]:
        """What came since, without waiting. Raises `ConnectionLost` and its kinds, or the error of a BYE or refusal."""
        try:
            piece = self._unread or self._connection.receive_now(max_bytes=MAX_RECEIVE_BYTES)
            self._unread = b""
            pushes = [self._take(response) for response in self._cutter.feed(piece)]
        except ProtocolError:
            self.close()
            raise
        return [push for push in pushes if push is not None]

    def check(self, now: float) -> None:
        """Begin a round when it is time. `now` is of `time.monotonic`. Raises `DeadlineExceeded` for a dead connection."""
        if now < self._due_at:
            return
        if self._state is not _State.IDLE:
            self.close()
            raise DeadlineExceeded("the server does not answer any more")
        self._told_late = False
        self._connection.send_now(b"DONE\r\n")
        self._expect(_State.ENDING)

    def close(self) -> None:
        """Without a word: IDLE would have to be ended first, and nobody waits for the answer."""
        self._connection.close()

    # One answer ---------------------------------------------------------------------------------------------

    def _take(self, response: Response) -> Push | None:
        text = response.text
        if text.startswith(b"* "):
            if text[2:5].upper() == b"BYE":
                raise goodbye(text[5:])
            push = read_push(response)
            if push is not None and push.kind == "messages" and self._state is _State.ASKING:
                self._told_late = True
            return push
        if text.startswith(b"+"):
            if self._state is _State.BEGINNING:
                self._idle()
            return None
        self._complete(text)
        return None

    def _complete(self, text: bytes) -> None:
        tag, _, rest = text.partition(b" ")
        if tag.upper() != self._tag:
            raise ServerMisbehaved("the server answered a command that nobody sent")
        status, _, said = rest.partition(b" ")
        if status.upper() != b"OK":
            raise refusal("to announce new mail", said)
        if self._state is _State.ASKING:
            self._judge()
            self._send(b"IDLE", _State.BEGINNING)
            return
        if self._state is not _State.ENDING:
            self._note_early_end()
        self._send(b"NOOP", _State.ASKING)

    def _note_early_end(self) -> None:
        """The server ended IDLE by itself, which it may."""
        self._early_ends = self._early_ends + 1 if time.monotonic() - self._since < MIN_IDLE_S else 0
        if self._early_ends >= MAX_EARLY_ENDS:
            raise PermanentlyRefused("the server does not stay in IDLE", code="CANNOT")
        self._told_late = False

    def _judge(self) -> None:
        if self._told_late:
            self._strikes += 1
        elif self._strikes:
            self._strikes -= 1

    def _idle(self) -> None:
        now = time.monotonic()
        self._state = _State.IDLE
        self._since = now
        self._round = min(self._round + 1, len(self._rounds_s) - 1)
        self._due_at = now + self._rounds_s[self._round]

    def _send(self, command: bytes, state: _State) -> None:
        self._next_tag += 1
        self._tag = b"W%d" % self._next_tag
        self._connection.send_now(self._tag + b" " + command + b"\r\n")
        self._expect(state)

    def _expect(self, state: _State) -> None:
        self._state = state
        self._due_at = time.monotonic() + ANSWER_S
