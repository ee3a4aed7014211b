"""Servers on the command line: `imaps://USER@HOST:PORT` and the like, read into account settings."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from accounts.services import DEFAULT_PORTS

SECURITY_OF_SUFFIX = {"": "plain", "s": "tls", "+starttls": "starttls"}
SCHEMES = {
    protocol + suffix: (protocol, security)
    for protocol in ("imap", "pop3", "smtp")
    for suffix, security in SECURITY_OF_SUFFIX.items()
}


class BadServerUrl(ValueError):
    """The text names no server. The message says what is expected and repeats no secret."""


@dataclass(frozen=True)
class ServerUrl:
    """`protocol` is imap, pop3 or smtp; `security` tls, starttls or plain; `username` may be empty."""

    protocol: str
    security: str
    username: str
    host: str
    port: int


def parse_server_url(text: str, *, protocols: tuple[str, ...]) -> ServerUrl:
    """Read a server. The user may be percent-encoded; without a port the usual one is taken. Raises `BadServerUrl`."""
    allowed = [scheme for scheme, (protocol, _) in SCHEMES.items() if protocol in protocols]
    expected = f"expected SCHEME://USER@HOST:PORT, the scheme one of {', '.join(allowed)}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise BadServerUrl(expected) from None
    if parts.scheme not in allowed or not parts.hostname:
        raise BadServerUrl(expected)
    if parts.password is not None:
        raise BadServerUrl("a password does not belong on the command line: give it on standard input")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise BadServerUrl(f"there is something behind the port; {expected}")
    protocol, security = SCHEMES[parts.scheme]
    return ServerUrl(
        protocol, security, unquote(parts.username or ""), parts.hostname, port or DEFAULT_PORTS[protocol, security]
    )
