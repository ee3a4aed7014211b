"""AUTH (RFC 4954) with PLAIN, LOGIN or XOAUTH2, whichever the server offers. It must run only where secrets may flow:
the session calls it after TLS."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

from webmail.protocols.errors import AuthenticationRefused, PermanentlyRefused, ServerError
from webmail.protocols.login import XOAUTH2, Login, sasl_plain, sasl_xoauth2
from webmail.protocols.smtp.replies import Reply, refusal

_CONTINUE = 334
_SUCCEEDED = 235
# 530 sign in first, 534 too weak (Google: use an app password), 535 wrong, 538 needs encryption: a person must look.
_ASK_THE_USER = frozenset({530, 534, 535, 538})
_MAX_STEPS = 4  # a server that goes on asking is cut off

Exchange = Callable[[bytes], Reply]


def authenticate(exchange: Exchange, login: Login, *, offered: str) -> None:
    """Sign in. `exchange` sends one command line and returns the reply; `offered` is the value of AUTH in EHLO.

    Raises `AuthenticationRefused` when the name or the secret is wrong, `TemporarilyRefused` for 4xx,
    `PermanentlyRefused` for anything else that will not get better by itself.
    """
    command, answers = _script(login, frozenset(offered.upper().split()))
    reply = exchange(command)
    for _ in range(_MAX_STEPS):
        if reply.code != _CONTINUE:
            break
        reply = exchange(next(answers, b"*"))  # RFC 4954 4: "*" cancels
    if reply.code != _SUCCEEDED:
        raise _login_refusal(reply)


def _script(login: Login, offered: frozenset[str]) -> tuple[bytes, Iterator[bytes]]:
    """The AUTH command and what to answer to each 334."""
    if login.mechanism == XOAUTH2:
        if "XOAUTH2" not in offered:
            raise PermanentlyRefused("the mail server does not offer sign-in with a token")
        # After a refusal the server sends the reason as a challenge; an empty answer asks for the final 535.
        return b"AUTH XOAUTH2 " + _base64(sasl_xoauth2(login)), iter([b""])
    if "PLAIN" in offered:
        # Some servers ignore the initial response and ask for it again.
        response = _base64(sasl_plain(login))
        return b"AUTH PLAIN " + response, iter([response])
    if "LOGIN" in offered:
        return b"AUTH LOGIN", iter([_base64(login.username.encode()), _base64(login.password.encode())])
    raise PermanentlyRefused("the mail server offers no way to sign in with a password")


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data)


def _login_refusal(reply: Reply) -> ServerError:
    if reply.code in _ASK_THE_USER:
        return AuthenticationRefused(
            "the mail server refused the user name or the password",
            server_text=reply.text,
            code=reply.enhanced or str(reply.code),
        )
    return refusal(reply, "the mail server refused the sign-in")
