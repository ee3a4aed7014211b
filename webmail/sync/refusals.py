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
