"""What to tell a person when a mail server cannot be used: what happened, and what to try. Values in, sentences out.

Words of the server never become part of a sentence here: they are shown apart, as a quotation (security R34). A closed
port and a filtered one read the same (R28).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext_noop

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
    """Two parts of an error text. `title` says what happened, `text` what to do.

    Both are English messages of the catalogues with the placeholders of `values`: pages show them in the reader's language.
    """

    title: str
    text: str
    values: Mapping[str, str] = field(default_factory=dict)

    def filled(self) -> tuple[str, str]:
        """Title and text in English, for the API and the log."""
        return self.title % self.values, self.text % self.values


def explain_connection(error: Exception, where: Endpoint, protocol: str) -> Advice:
    """For a server that could not be reached, before anything secret was sent."""
    if isinstance(error, CertificateRefused):
        return explain_certificate(error, where)
    table: tuple[tuple[type[Exception], Advice], ...] = (
        (
            PortNotAllowed,
            Advice(
                gettext_noop("Port %(port)s cannot be used here."),
                gettext_noop("Mail servers use other ports: for %(service)s usually %(ports)s."),
            ),
        ),
        (
            AddressNotAllowed,
            Advice(
                gettext_noop("%(host)s lies in a network that cannot be used here."),
                gettext_noop("Check the name. Only the administrator can allow private networks (ALLOW_NETWORKS)."),
            ),
        ),
        (
            HostNotFound,
            Advice(
                gettext_noop("The name %(host)s is not known."),
                gettext_noop("Check how it is written, or ask your provider for the name of its %(service)s server."),
            ),
        ),
        (
            EncryptedFromTheStart,
            Advice(
                gettext_noop("Port %(port)s of %(host)s is encrypted from the start."),
                gettext_noop("Choose TLS instead. Nothing secret was sent."),
            ),
        ),
        (
            NotEncryptedFromTheStart,
            Advice(
                gettext_noop("Port %(port)s of %(host)s is not encrypted from the start."),
                gettext_noop("Choose STARTTLS, or a port for TLS: usually %(ports)s. Nothing secret was sent."),
            ),
        ),
        (
            ServerSilent,
            Advice(
                gettext_noop("%(host)s takes the connection on port %(port)s but says nothing."),
                gettext_noop("Check the port: for %(service)s it is usually %(ports)s. Else try again later."),
            ),
        ),
        (
            OtherService,
            Advice(
                gettext_noop(
                    "What answers on port %(port)s of %(host)s is no %(service)s server, or takes nobody now."
                ),
                gettext_noop("Check name and port: for %(service)s it is usually %(ports)s."),
            ),
        ),
        (
            TlsFailed,
            Advice(
                gettext_noop("An encrypted connection to %(host)s on port %(port)s could not be made."),
                gettext_noop("Check the port and the kind of encryption: usually %(ports)s. Nothing secret was sent."),
            ),
        ),
        (
            BadArgument,
            Advice(
                gettext_noop("“%(host)s” cannot be the name of a server."), gettext_noop("Check how it is written.")
            ),
        ),
    )
    unanswered = Advice(
        gettext_noop("%(host)s does not answer on port %(port)s."),
        gettext_noop(
            "Check the port: for %(service)s it is usually %(ports)s. If it is right, the server is down or a firewall lies between."
        ),
    )
    found = next((advice for kind, advice in table if isinstance(error, kind)), unanswered)
    return replace(found, values=_values(where, protocol))


def _values(where: Endpoint, protocol: str) -> dict[str, str]:
    service, ports = SERVICE_NAMES[protocol], USUAL_PORTS[protocol]
    return {"host": where.host, "port": str(where.port), "service": service, "ports": ports}


def explain_certificate(error: CertificateRefused, where: Endpoint) -> Advice:
    """With the reason. There is no way to accept such a certificate: nothing secret was sent (security R33)."""
    cause = error.__cause__
    code = cause.verify_code if isinstance(cause, ssl.SSLCertVerificationError) else 0
    if code in _OTHER_NAME:
        found = Advice(
            gettext_noop("The certificate of %(host)s is not accepted: it was issued for another name."),
            gettext_noop("Write the name of the server exactly as your provider gives it. Nothing secret was sent."),
        )
    elif code == _EXPIRED:
        found = Advice(
            gettext_noop("The certificate of %(host)s is not accepted: it has expired."),
            gettext_noop("Only who runs the server can renew it. Tell them. Nothing secret was sent."),
        )
    elif code == _NOT_YET_VALID:
        found = Advice(
            gettext_noop("The certificate of %(host)s is not accepted: it is not valid yet."),
            gettext_noop(
                "Only who runs the server can mend it. Check the clock of this machine too. Nothing secret was sent."
            ),
        )
    elif code in _UNKNOWN_ISSUER:
        found = Advice(
            gettext_noop(
                "The certificate of %(host)s is not accepted: it was issued by an authority that is not known here."
            ),
            gettext_noop(
                "If the server is your own, the administrator can add its authority (EXTRA_CA_FILE). Nothing secret was sent."
            ),
        )
    else:
        found = Advice(
            gettext_noop("The certificate of %(host)s is not accepted: it does not hold."),
            gettext_noop("Only who runs the server can mend it. Tell them. Nothing secret was sent."),
        )
    return replace(found, values={"host": where.host})


def explain_sign_in(error: Exception, where: Endpoint, protocol: str) -> Advice:
    """For a server that was reached and did not let us in."""
    if isinstance(error, CertificateRefused):
        return explain_certificate(error, where)
    for kind, explain in _SIGN_IN:
        if isinstance(error, kind):
            return replace(explain(error, where, protocol), values=_values(where, protocol))
    return explain_connection(error, where, protocol)


def _starttls_missing(_: Exception, where: Endpoint, protocol: str) -> Advice:
    return Advice(
        gettext_noop("%(host)s does not offer STARTTLS on port %(port)s, so the password was not sent."),
        gettext_noop(
            "Choose TLS and its port: usually %(ports)s. If the server knows no encryption at all, tell who runs it."
        ),
    )


def _password_refused(_: Exception, where: Endpoint, __: str) -> Advice:
    return Advice(
        gettext_noop("%(host)s refuses the user name or password."),
        gettext_noop(
            "Check both. Many servers want the whole address as user name; providers with two-step sign-in want an app password, which you make on their site."
        ),
    )


def _refused_now(error: Exception, where: Endpoint, protocol: str) -> Advice:
    if getattr(error, "code", "") in _IN_USE and protocol == "pop3":
        return Advice(
            gettext_noop("Another program is reading this mailbox just now."),
            gettext_noop("POP3 lets only one in at a time. Close the other one, or try again in a few minutes."),
        )
    return Advice(
        gettext_noop("%(host)s does not let you in for the moment."),
        gettext_noop("The password may be right. Try again in a few minutes."),
    )


def _refused(error: Exception, where: Endpoint, protocol: str) -> Advice:
    if getattr(error, "code", "") == _NEEDS_ENCRYPTION and where.security is Security.PLAIN:
        return Advice(
            gettext_noop("%(host)s takes no password without encryption."),
            gettext_noop("Choose TLS or STARTTLS: usually port %(ports)s."),
        )
    return Advice(
        gettext_noop("%(host)s does not let you sign in with a password."),
        gettext_noop("Ask your provider whether this service has to be switched on, or needs an app password."),
    )


def _too_slow(_: Exception, where: Endpoint, __: str) -> Advice:
    return Advice(
        gettext_noop("%(host)s takes too long to answer."),
        gettext_noop("Try again later. If it stays so, ask who runs the server."),
    )


def _senseless(_: Exception, where: Endpoint, protocol: str) -> Advice:
    return Advice(
        gettext_noop("%(host)s sends answers that make no sense."),
        gettext_noop("Check that it is an %(service)s server, or tell who runs it."),
    )


def _hung_up(_: Exception, where: Endpoint, __: str) -> Advice:
    return Advice(gettext_noop("%(host)s hung up during sign-in."), gettext_noop("Try again in a few minutes."))


def _not_sendable(_: Exception, __: Endpoint, ___: str) -> Advice:
    return Advice(
        gettext_noop("User name or password hold characters that cannot be sent."),
        gettext_noop("Check both for line breaks."),
    )


def _key_missing(_: Exception, __: Endpoint, ___: str) -> Advice:
    return Advice(
        gettext_noop("Passwords cannot be stored here yet."),
        gettext_noop("The administrator must set CREDENTIAL_KEYS."),
    )


def _unreadable(_: Exception, __: Endpoint, ___: str) -> Advice:
    return Advice(gettext_noop("The stored password cannot be read."), gettext_noop("Enter it again."))


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
