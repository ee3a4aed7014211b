"""What a refusal asks of us: the table of RFC 5530 codes (reliability R83). Errors in, decisions out; no rows, no clock.

`protocols.imap.response_codes` says which class an answer is; here is what to do about it. Passes and replay ask `decide`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from webmail.protocols.errors import (
    AddressNotAllowed,
    AuthenticationRefused,
    BadArgument,
    CertificateRefused,
    ConnectionFailed,
    PermanentlyRefused,
    ProtocolError,
    ServerError,
    ServerMisbehaved,
    TemporarilyRefused,
)


class Act(enum.Enum):
    """What to do."""

    RETRY = "retry"  # the same again, later each time
    SLOW_DOWN = "slow down"  # fewer connections or smaller steps, then again
    LOOK_AGAIN = "look again"  # what we believe of the server is out of date: list anew before anything else
    TELL = "tell"  # refused for good: put back what was tried, and tell the user
    STOP = "stop"  # nothing is tried again before a person has done something


@dataclass(frozen=True)
class Decision:
    """`needs_password`: only a new password or token helps, so the account stops (security R51). `is_ours`: the fault
    may be in this program, so it belongs into the log."""

    act: Act
    needs_password: bool = False
    is_ours: bool = False

    @property
    def is_final(self) -> bool:
        """Whether the same request will never succeed as things are."""
        return self.act in (Act.TELL, Act.STOP)


_RETRY = Decision(Act.RETRY)
_TELL = Decision(Act.TELL)

DECISIONS: Mapping[str, Decision] = {
    "UNAVAILABLE": _RETRY,
    "AUTHENTICATIONFAILED": Decision(Act.STOP, needs_password=True),
    "AUTHORIZATIONFAILED": Decision(Act.STOP, needs_password=True),
    "EXPIRED": Decision(Act.STOP, needs_password=True),
    "PRIVACYREQUIRED": Decision(Act.STOP),  # the kind of encryption must be changed
    "CONTACTADMIN": Decision(Act.STOP),
    "NOPERM": _TELL,
    "INUSE": _RETRY,
    "EXPUNGEISSUED": Decision(Act.LOOK_AGAIN),
    "CORRUPTION": _TELL,
    "SERVERBUG": _RETRY,
    "CLIENTBUG": Decision(Act.TELL, is_ours=True),
    "CANNOT": _TELL,
    "LIMIT": Decision(Act.SLOW_DOWN),
    "THROTTLED": Decision(Act.SLOW_DOWN),  # Gmail and Yahoo; not registered
    "OVERQUOTA": _TELL,
    "ALREADYEXISTS": Decision(Act.LOOK_AGAIN),  # made by another client: take that one
    "NONEXISTENT": Decision(Act.LOOK_AGAIN),  # renamed or deleted by another client
    "TRYCREATE": Decision(Act.LOOK_AGAIN),  # RFC 3501 7.1: the target is gone, and may be made anew
    "HASCHILDREN": _TELL,
}

# By class, where the code says nothing of its own: bare NO and BAD, [ALERT], BYE, and everything below the protocol.
_BY_CLASS: tuple[tuple[type[ProtocolError], Decision], ...] = (
    (AuthenticationRefused, Decision(Act.STOP, needs_password=True)),
    (TemporarilyRefused, _RETRY),
    (PermanentlyRefused, _TELL),
    (CertificateRefused, Decision(Act.STOP)),
    (AddressNotAllowed, Decision(Act.STOP)),
    (ServerMisbehaved, Decision(Act.SLOW_DOWN)),
    (ConnectionFailed, _RETRY),
    (BadArgument, Decision(Act.TELL, is_ours=True)),
)

# Gmail "Too many simultaneous connections", Dovecot "Maximum number of connections from user+IP exceeded", Courier
# "Too many connections ... from your IP address", Cyrus "too many open connections" (sync Y81).
_TOO_MANY_WORDS = (
    "too many simultaneous",
    "too many connections",
    "too many open connections",
    "too many concurrent",
    "maximum number of connections",
    "number of connections",
    "connection limit",
    "simultaneous connections",
)


def decide(error: Exception) -> Decision:
    """What to do after `error`. Errors that are no answer of a server are retried."""
    if isinstance(error, AuthenticationRefused):
        return DECISIONS.get(error.code, Decision(Act.STOP, needs_password=True))
    if isinstance(error, ServerError):
        if is_too_many_connections(error):
            return DECISIONS["LIMIT"]
        if error.code in DECISIONS:
            return DECISIONS[error.code]
    return next((decision for kind, decision in _BY_CLASS if isinstance(error, kind)), _RETRY)


def is_too_many_connections(error: Exception, *, at_login: bool = False) -> bool:
    """Whether the server says that we hold too many connections. At login [LIMIT] can mean nothing else."""
    if not isinstance(error, ServerError) or isinstance(error, AuthenticationRefused):
        return False
    if at_login and error.code == "LIMIT":
        return True
    said = error.server_text.lower()
    return any(words in said for words in _TOO_MANY_WORDS)


# Gmail "Daily user sending limit exceeded" (5.4.5), Microsoft "reached your daily limit for message recipients" (5.1.90) and
# "SubmissionQuotaExceeded", Zoho, GMX, iCloud and hosters in many words. What a recipient's mailbox may receive is none.
_LIMIT_CODES = frozenset({"5.4.5", "4.4.5", "5.1.90", "4.7.28", "5.7.28"})
_LIMIT_WORDS = (
    "sending limit",
    "sending quota",
    "sending rate",
    "submissionquota",
    "submission quota",
    "daily limit",
    "daily message limit",
    "daily user",
    "hourly limit",
    "messages per day",
    "messages per hour",
    "emails per hour",
    "emails per day",
    "rate limit",
    "ratelimit",
    "too many messages sent",
    "limit for message recipients",
)
_SESSION_WORDS = ("session", "per connection", "this connection")


def is_sending_limit(enhanced: str, text: str) -> bool:
    """Whether a submission server says that this account may send nothing more for a while. No fault of the message."""
    said = text.lower()
    if ends_session(text):
        return False
    return enhanced in _LIMIT_CODES or any(words in said for words in _LIMIT_WORDS)


def ends_session(text: str) -> bool:
    """Whether a refusal is about this connection only: on a new one the next message is welcome."""
    return any(words in text.lower() for words in _SESSION_WORDS)
