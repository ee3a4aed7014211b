"""One look at a mail server, and one sign-in: what a connection test does on the network. It must not touch rows.

A look ends at the greeting, whose text is not kept (security R28). Everything is bounded in time and bytes, because a
person waits, and because the server may be anybody's.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from ipaddress import ip_address

from webmail.protocols.errors import (
    BadArgument,
    CertificateRefused,
    ConnectionFailed,
    ConnectionLost,
    ProtocolError,
    TlsFailed,
)
from webmail.protocols.imap import session as imap
from webmail.protocols.login import Login
from webmail.protocols.pop3 import session as pop3
from webmail.protocols.smtp import session as smtp
from webmail.protocols.transport import Endpoint, Security, open_connection, resolve
from webmail.sync.submission import ehlo_name

MAIL_PORTS = frozenset({25, 110, 143, 465, 587, 993, 995, 2525, 4190})  # security R28
CONNECT_S = 10.0
GREETING_S = 20.0  # some servers wait on purpose before they greet
SIGN_IN_S = 45.0
MAX_ANSWER_BYTES = 1_048_576
GREETINGS = {"imap": (b"* OK", b"* PREAUTH"), "pop3": (b"+OK",), "smtp": (b"220",)}


class PortNotAllowed(ProtocolError):
    """A port that no mail server uses (security R28). Nothing was connected."""


class ServerSilent(ConnectionFailed):
    """The connection is there, but no greeting came."""


class EncryptedFromTheStart(ConnectionFailed):
    """The port begins with TLS, which was not chosen."""


class NotEncryptedFromTheStart(ConnectionFailed):
    """The port begins without TLS, which was chosen."""


class OtherService(ConnectionFailed):
    """Something else answers on this port."""


def look(where: Endpoint, protocol: str) -> None:
    """Connect, begin TLS where it comes first, read the greeting, and hang up. Its text is not kept (security R28).

    Raises `ConnectionFailed` in all its kinds, those of `sync.checking.advice` among them, and `PortNotAllowed`.
    """
    addresses = [address for _, address in resolve(where)]
    if where.port not in MAIL_PORTS and not all(_is_listed(address, where) for address in addresses):
        raise PortNotAllowed(f"port {where.port} is no port of mail servers")
    try:
        _read_greeting(where, protocol, wait_s=GREETING_S)
    except TlsFailed as error:
        if _greets(replace(where, security=Security.PLAIN), protocol):
            raise NotEncryptedFromTheStart("the greeting comes in clear") from error
        raise
    except ServerSilent as error:
        if where.security is not Security.TLS and _speaks_tls(where):
            raise EncryptedFromTheStart("the server waits for TLS to begin") from error
        raise


def _is_listed(address: str, where: Endpoint) -> bool:
    ip = ip_address(address.partition("%")[0])
    return any(ip.version == network.version and ip in network for network in where.allow_networks)


def _read_greeting(where: Endpoint, protocol: str, *, wait_s: float) -> None:
    with closing(open_connection(where, timeout_s=CONNECT_S)) as connection:
        try:
            if not connection.has_data(wait_s=wait_s):
                raise ServerSilent("no greeting came")
            with connection.limits(seconds=wait_s, max_bytes=MAX_ANSWER_BYTES):
                line = connection.read_line(max_bytes=MAX_ANSWER_BYTES)
        except ConnectionLost as error:
            raise OtherService("the server ended the connection") from error
    if not line.upper().startswith(GREETINGS[protocol]):
        raise OtherService("the greeting is not the one of such a server")


def _greets(where: Endpoint, protocol: str) -> bool:
    try:
        _read_greeting(where, protocol, wait_s=CONNECT_S)
    except ProtocolError:
        return False
    return True


def _speaks_tls(where: Endpoint) -> bool:
    """A certificate that is not accepted proves TLS as well as one that is."""
    try:
        open_connection(replace(where, security=Security.TLS), timeout_s=CONNECT_S).close()
    except CertificateRefused:
        return True
    except ProtocolError:
        return False
    return True


def sign_in(where: Endpoint, protocol: str, login: Login | None) -> None:
    """One sign-in and a polite end; SMTP and POP3 within `SIGN_IN_S` in all. Raises what sessions raise at opening."""
    if protocol == "imap":
        imap.open_session(where, _required(login)).close()
        return
    connection = open_connection(where, timeout_s=CONNECT_S)
    # The sessions' own time limits suit a delivery that must not be lost.
    with closing(connection), connection.limits(seconds=SIGN_IN_S, max_bytes=MAX_ANSWER_BYTES):
        if protocol == "smtp":
            sender = smtp.LiveSmtpSession(connection)
            sender.begin(login, ehlo_name=ehlo_name())
            sender.quit()
        else:
            reader = pop3.LivePop3Session(connection)
            reader.begin(_required(login))
            reader.quit()


def _required(login: Login | None) -> Login:
    if login is None:
        raise BadArgument("this server needs a user name")
    return login
