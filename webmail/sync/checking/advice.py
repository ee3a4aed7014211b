"""What to tell a person when a mail server cannot be used: what happened, and what to try. Values in, sentences out.

Words of the server never become part of a sentence here: they are shown apart, as a quotation (security R34). A closed
port and a filtered one read the same (R28).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from accounts.credentials import CredentialError, NoCredentialKey
from webmail.protocols.errors import (
    AddressNotAllowed,
    AuthenticationRefused,
    BadArgument,
    CertificateRefused,
    ConnectionLost,
    DeadlineExceeded,
    HostNotFound,
    PermanentlyRefused,
    ServerMisbehaved,
    StartTlsMissing,
    TemporarilyRefused,
    TlsFailed,
)
from webmail.protocols.transport import Endpoint, Security
from webmail.sync.checking.probe import (
    EncryptedFromTheStart,
    NotEncryptedFromTheStart,
    OtherService,
    PortNotAllowed,
    ServerSilent,
)

SERVICE_NAMES: Mapping[str, str] = {"imap": "IMAP", "pop3": "POP3", "smtp": "SMTP"}
USUAL_PORTS: Mapping[str, str] = {
    "imap": "993 (TLS) or 143 (STARTTLS)",
    "pop3": "995 (TLS) or 110 (STARTTLS)",
    "smtp": "465 (TLS) or 587 (STARTTLS)",
}
# X509_V_ERR_…, openssl/x509_vfy.h
_NOT_YET_VALID, _EXPIRED = 9, 10
_UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})
_OTHER_NAME = frozenset({62, 63, 64})
_NEEDS_ENCRYPTION = "PRIVACYREQUIRED"  # RFC 5530
_IN_USE = frozenset({"IN-USE", "INUSE"})  # RFC 2449, RFC 5530


@dataclass(frozen=True)
class Advice:
    """Two parts of an error text. `title` says what happened, `text` what to do."""

    title: str
    text: str


def explain_connection(error: Exception, where: Endpoint, protocol: str) -> Advice:
    """For a server that could not be reached, before anything secret was sent."""
    host, port, service = where.host, where.port, SERVICE_NAMES[protocol]
    if isinstance(error, CertificateRefused):
        return explain_certificate(error, where)
    table: tuple[tuple[type[Exception], Advice], ...] = (
        (
            PortNotAllowed,
            Advice(
                f"Port {port} cannot be used here.",
                f"Mail servers use other ports: for {service} usually {USUAL_PORTS[protocol]}.",
            ),
        ),
        (
            AddressNotAllowed,
            Advice(
                f"{host} lies in a network that cannot be used here.",
                "Check the name. Only the administrator can allow private networks (ALLOW_NETWORKS).",
            ),
        ),
        (
            HostNotFound,
            Advice(
                f"The name {host} is not known.",
                f"Check how it is written, or ask your provider for the name of its {service} server.",
            ),
        ),
        (
            EncryptedFromTheStart,
            Advice(
                f"Port {port} of {host} is encrypted from the start.",
                "Choose TLS instead. Nothing secret was sent.",
            ),
        ),
        (
            NotEncryptedFromTheStart,
            Advice(
                f"Port {port} of {host} is not encrypted from the start.",
                f"Choose STARTTLS, or a port for TLS: usually {USUAL_PORTS[protocol]}. Nothing secret was sent.",
            ),
        ),
        (
            ServerSilent,
            Advice(
                f"{host} takes the connection on port {port} but says nothing.",
                f"Check the port: for {service} it is usually {USUAL_PORTS[protocol]}. Else try again later.",
            ),
        ),
        (
            OtherService,
            Advice(
                f"What answers on port {port} of {host} is no {service} server, or takes nobody now.",
                f"Check name and port: for {service} it is usually {USUAL_PORTS[protocol]}.",
            ),
        ),
        (
            TlsFailed,
            Advice(
                f"An encrypted connection to {host} on port {port} could not be made.",
                f"Check the port and the kind of encryption: usually {USUAL_PORTS[protocol]}. Nothing secret was sent.",
            ),
        ),
        (BadArgument, Advice(f"{host!r} cannot be the name of a server.", "Check how it is written.")),
    )
    unanswered = Advice(
        f"{host} does not answer on port {port}.",
        f"Check the port: for {service} it is usually {USUAL_PORTS[protocol]}. If it is right, the server is down or a "
        "firewall lies between.",
    )
    return next((advice for kind, advice in table if isinstance(error, kind)), unanswered)


def explain_certificate(error: CertificateRefused, where: Endpoint) -> Advice:
    """With the reason. There is no way to accept such a certificate: nothing secret was sent (security R33)."""
    cause = error.__cause__
    code = cause.verify_code if isinstance(cause, ssl.SSLCertVerificationError) else 0
    if code in _OTHER_NAME:
        reason = "it was issued for another name"
        text = "Write the name of the server exactly as your provider gives it."
    elif code == _EXPIRED:
        reason, text = "it has expired", "Only who runs the server can renew it. Tell them."
    elif code == _NOT_YET_VALID:
        reason, text = (
            "it is not valid yet",
            "Only who runs the server can mend it. Check the clock of this machine too.",
        )
    elif code in _UNKNOWN_ISSUER:
        reason = "it was issued by an authority that is not known here"
        text = "If the server is your own, the administrator can add its authority (EXTRA_CA_FILE)."
    else:
        reason, text = "it does not hold", "Only who runs the server can mend it. Tell them."
    return Advice(f"The certificate of {where.host} is not accepted: {reason}.", f"{text} Nothing secret was sent.")


def explain_sign_in(error: Exception, where: Endpoint, protocol: str) -> Advice:
    """For a server that was reached and did not let us in."""
    if isinstance(error, CertificateRefused):
        return explain_certificate(error, where)
    for kind, explain in _SIGN_IN:
        if isinstance(error, kind):
            return explain(error, where, protocol)
    return explain_connection(error, where, protocol)


def _starttls_missing(_: Exception, where: Endpoint, protocol: str) -> Advice:
    return Advice(
        f"{where.host} does not offer STARTTLS on port {where.port}, so the password was not sent.",
        f"Choose TLS and its port: usually {USUAL_PORTS[protocol]}. If the server knows no encryption at all, tell who "
        "runs it.",
    )


def _password_refused(_: Exception, where: Endpoint, __: str) -> Advice:
    return Advice(
        f"{where.host} refuses the user name or password.",
        "Check both. Many servers want the whole address as user name; providers with two-step sign-in want an app "
        "password, which you make on their site.",
    )


def _refused_now(error: Exception, where: Endpoint, protocol: str) -> Advice:
    if getattr(error, "code", "") in _IN_USE and protocol == "pop3":
        return Advice(
            "Another program is reading this mailbox just now.",
            "POP3 lets only one in at a time. Close the other one, or try again in a few minutes.",
        )
    return Advice(
        f"{where.host} does not let you in for the moment.",
        "The password may be right. Try again in a few minutes.",
    )


def _refused(error: Exception, where: Endpoint, protocol: str) -> Advice:
    if getattr(error, "code", "") == _NEEDS_ENCRYPTION and where.security is Security.PLAIN:
        return Advice(
            f"{where.host} takes no password without encryption.",
            f"Choose TLS or STARTTLS: usually port {USUAL_PORTS[protocol]}.",
        )
    return Advice(
        f"{where.host} does not let you sign in with a password.",
        "Ask your provider whether this service has to be switched on, or needs an app password.",
    )


def _too_slow(_: Exception, where: Endpoint, __: str) -> Advice:
    return Advice(
        f"{where.host} takes too long to answer.", "Try again later. If it stays so, ask who runs the server."
    )


def _senseless(_: Exception, where: Endpoint, protocol: str) -> Advice:
    return Advice(
        f"{where.host} sends answers that make no sense.",
        f"Check that it is an {SERVICE_NAMES[protocol]} server, or tell who runs it.",
    )


def _hung_up(_: Exception, where: Endpoint, __: str) -> Advice:
    return Advice(f"{where.host} hung up during sign-in.", "Try again in a few minutes.")


def _not_sendable(_: Exception, __: Endpoint, ___: str) -> Advice:
    return Advice("User name or password hold characters that cannot be sent.", "Check both for line breaks.")


def _key_missing(_: Exception, __: Endpoint, ___: str) -> Advice:
    return Advice("Passwords cannot be stored here yet.", "The administrator must set CREDENTIAL_KEYS.")


def _unreadable(_: Exception, __: Endpoint, ___: str) -> Advice:
    return Advice("The stored password cannot be read.", "Enter it again.")


_SIGN_IN: tuple[tuple[type[Exception], Callable[[Exception, Endpoint, str], Advice]], ...] = (
    (StartTlsMissing, _starttls_missing),
    (AuthenticationRefused, _password_refused),
    (TemporarilyRefused, _refused_now),
    (PermanentlyRefused, _refused),
    (DeadlineExceeded, _too_slow),
    (ServerMisbehaved, _senseless),
    (ConnectionLost, _hung_up),
    (BadArgument, _not_sendable),
    (NoCredentialKey, _key_missing),
    (CredentialError, _unreadable),
)
