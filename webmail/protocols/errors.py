"""What can go wrong while talking to a mail server, named by cause. Each class says what the caller should do.

`ServerError.server_text` is what the server said, already cut to `MAX_SERVER_TEXT` characters and free of control
characters. It is untrusted text: show it as a quotation, never as our own words (security R34).
"""

from __future__ import annotations

MAX_SERVER_TEXT = 500  # characters; enough for a diagnosis, too little to flood a page or a log


def clean_server_text(text: bytes | str) -> str:
    """Server text made fit to show: decoded leniently, without control characters, at most `MAX_SERVER_TEXT` long."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    printable = "".join(char if char.isprintable() else " " for char in text[: MAX_SERVER_TEXT * 2])
    return " ".join(printable.split())[:MAX_SERVER_TEXT]


class ProtocolError(Exception):
    """Base of everything this package raises on purpose."""


class BadArgument(ProtocolError, ValueError):
    """A value of ours holds NUL, CR, LF or something else the wire cannot carry. Nothing was sent. Fix the value."""


class ConnectionFailed(ProtocolError):
    """No usable connection. Retry with backoff; the mail is untouched."""


class HostNotFound(ConnectionFailed):
    """The name does not resolve. Ask the user to check it when it never worked; else retry."""


class AddressNotAllowed(ConnectionFailed):
    """The name leads to an address the administrator does not allow (security R26). Do not retry."""


class ConnectionRefused(ConnectionFailed):
    """Nobody listens on that port. Retry with backoff."""


class CertificateRefused(ConnectionFailed):
    """The server's certificate does not hold. Give up until a person has looked; no credential was sent."""


class TlsFailed(ConnectionFailed):
    """The TLS handshake failed for another reason than the certificate, such as a server that speaks no TLS here."""


class StartTlsMissing(ConnectionFailed):
    """STARTTLS was asked for and is not offered, refused or pre-empted. No credential was sent (security R33)."""


class ConnectionLost(ConnectionFailed):
    """The server closed or reset the connection. Retry; whether the last command took effect is not known."""


class DeadlineExceeded(ConnectionLost):
    """The total time for a command ran out (security R36). The connection is dead. Retry with backoff."""


class ServerMisbehaved(ConnectionLost):
    """The server broke the protocol or a limit (security R35). The connection is closed. Retry with long backoff."""


class ServerError(ProtocolError):
    """The server answered and refused. `code` is its machine-readable code, upper case, or empty."""

    def __init__(self, message: str, *, server_text: bytes | str = "", code: str = "") -> None:
        super().__init__(message)
        self.server_text = clean_server_text(server_text)
        self.code = code.upper()


class AuthenticationRefused(ServerError):
    """Wrong user name or password. Stop and ask the user; trying again may lock the account (security R51)."""


class TemporarilyRefused(ServerError):
    """Refused for now: in use, over a limit, unavailable (RFC 5530, RFC 3206). Retry with backoff, ask nobody."""


class PermanentlyRefused(ServerError):
    """Refused for good: no permission, over quota, does not exist. Undo what was tried and tell the user."""
