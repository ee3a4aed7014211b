"""Who signs in to a mail server, and the SASL messages that say so. It must not store, log or show a secret.

The caller takes the secret from `accounts.credentials` just before the session opens and drops it afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from webmail.protocols.errors import BadArgument
from webmail.protocols.guard import refuse_line_breaks

PLAIN = "PLAIN"
XOAUTH2 = "XOAUTH2"
MECHANISMS = frozenset({PLAIN, XOAUTH2})


@dataclass(frozen=True)
class Login:
    """A user name and its secret. `mechanism` is "PLAIN" (a password) or "XOAUTH2" (`password` is the access token).

    "PLAIN" stands for any way of sending a password: a session may use SASL PLAIN, LOGIN or USER/PASS as offered.
    Raises `BadArgument` for an unknown mechanism or a value that the wire cannot carry (security R31).
    """

    username: str
    password: str = field(repr=False)
    mechanism: str = PLAIN

    def __post_init__(self) -> None:
        if self.mechanism not in MECHANISMS:
            raise BadArgument("the sign-in mechanism is neither PLAIN nor XOAUTH2")
        refuse_line_breaks(self.username, what="the user name")
        refuse_line_breaks(self.password, what="the password")
        if self.mechanism == XOAUTH2 and "\x01" in self.username + self.password:
            raise BadArgument("the user name or the access token holds a control character")


def sasl_plain(login: Login) -> bytes:
    """The one message of SASL PLAIN (RFC 4616), not yet base64. The authorisation identity is left empty."""
    return f"\0{login.username}\0{login.password}".encode()


def sasl_xoauth2(login: Login) -> bytes:
    """The one message of XOAUTH2, the forerunner of RFC 7628 that Google and Microsoft speak, not yet base64."""
    return f"user={login.username}\x01auth=Bearer {login.password}\x01\x01".encode()
