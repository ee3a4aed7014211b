"""What can go wrong in a pass, and how it is told to people."""

from __future__ import annotations

from accounts.conditions import CERTIFICATE, END, FOUND, SAID
from accounts.credentials import CredentialError, NoCredentialKey
from webmail.protocols.errors import (
    AddressNotAllowed,
    AuthenticationRefused,
    CertificateRefused,
    ConnectionRefused,
    DeadlineExceeded,
    HostNotFound,
    ProtocolError,
    ServerError,
    ServerMisbehaved,
    StartTlsMissing,
    TemporarilyRefused,
    TlsFailed,
)
from webmail.store.errors import StorageFull


class SyncError(Exception):
    """Base of what sync raises on purpose."""


class TooManyConnections(SyncError):
    """All connections to this account or host are in use here. Retry later; nothing was sent."""


class DoubtfulAnswer(SyncError):
    """The server contradicts itself (sync Y47). Nothing was believed; the next pass asks again."""


_SENTENCES: tuple[tuple[type[Exception], str], ...] = (
    (AuthenticationRefused, "The server refuses the user name or password."),
    (NoCredentialKey, "The key that passwords are stored with is missing here. The administrator must set it."),
    (CredentialError, "The stored password cannot be read. Enter it again."),
    (AddressNotAllowed, "The server lies in a network that is not allowed here."),
    (HostNotFound, "The name of the server is not known."),
    (ConnectionRefused, "Nothing answers at this server and port."),
    (CertificateRefused, CERTIFICATE),
    (StartTlsMissing, "The server does not offer the encryption that is set."),
    (TlsFailed, "An encrypted connection to the server could not be made."),
    (DeadlineExceeded, "The server takes too long to answer."),
    (ServerMisbehaved, "The server sends answers that make no sense."),
    (TemporarilyRefused, "The server cannot do this just now."),
    (ServerError, "The server refuses."),
    (ProtocolError, "The connection to the server was lost."),
    (TooManyConnections, "There are too many connections to this server already."),
    (DoubtfulAnswer, "The server contradicts itself."),
    (StorageFull, "There is no room left to store mail."),
)


def plain_reason(error: Exception) -> str:
    """The failure in a sentence for people, with the server's own words, or what the check found, as a quotation."""
    sentence = next((text for kind, text in _SENTENCES if isinstance(error, kind)), "Something went wrong here.")
    said = error.server_text if isinstance(error, ServerError) else ""
    if isinstance(error, CertificateRefused):
        return f"{sentence}{FOUND}{error}{END}"
    return f"{sentence}{SAID}{said}{END}" if said else sentence
