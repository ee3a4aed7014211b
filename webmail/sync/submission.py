"""Sessions with submission servers: where to, signed in, and kept for a while between two messages.

A kept session that has died is found out before or at MAIL, see `SmtpLine.is_used`. Who may open one is said by `connections`
as for every other server. It must not send anything.
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from accounts import credentials
from accounts.models import Credential, MailAccount, OutgoingServer
from webmail.protocols.login import Login
from webmail.protocols.smtp import session as smtp
from webmail.sync import admission, connections
from webmail.sync.admission import Ticket


@dataclass(frozen=True)
class Route:
    """A server that takes an account's mail: the account's own, or the further one that `server` is."""

    account: MailAccount
    host: str
    port: int
    security: str
    username: str
    server: OutgoingServer | None = None

    @property
    def digest(self) -> str:
        """Changes with everything a login here depends on."""
        changed_at = Credential.objects.filter(account=self.account).order_by("purpose").values_list("updated_at")
        own = (self.server.pk, self.server.key_id, bytes(self.server.sealed)) if self.server is not None else ()
        parts = (self.host, self.port, self.security, self.username, own, list(changed_at), settings.EXTRA_CA_FILE)
        return hashlib.sha256(repr(parts).encode()).hexdigest()


class SmtpLine:
    """A signed-in submission session and the right to it. Give it back with `leave`.

    `is_used`: it has carried something before, so that it may have died unnoticed.
    """

    def __init__(self, route: Route, ticket: Ticket, session: smtp.LiveSmtpSession, *, is_used: bool) -> None:
        self.route = route
        self.session = session
        self.is_used = is_used
        self._ticket = ticket

    def leave(self) -> None:
        """No more to send here: the session is kept for a while when it can still carry something."""
        kept = None if self.session.is_closed else _KeptSmtp(self.session)
        connections.pool.leave(self._ticket, kept)
        if kept is not None:
            _reaper.watch()


class _KeptSmtp:
    """A session between two uses. It ends with QUIT, and whatever happens then is no trouble (reliability R67)."""

    def __init__(self, session: smtp.LiveSmtpSession) -> None:
        self.session = session

    @property
    def is_closed(self) -> bool:
        return self.session.is_closed

    def close(self) -> None:
        self.session.quit()


def routes_of(account: MailAccount) -> list[Route]:
    """The servers of an account that take its mail, in the order in which they are tried; none when it cannot send."""
    if not account.can_send or account.outgoing_port is None:
        return []
    own = Route(
        account, account.outgoing_host, account.outgoing_port, account.outgoing_security, account.outgoing_username
    )
    further = account.outgoing_servers.order_by("position", "id")
    return [own, *(Route(account, one.host, one.port, one.security, one.username, one) for one in further)]


def open_smtp(route: Route, *, is_fresh: bool = False) -> SmtpLine:
    """A submission session, kept or new; `is_fresh`: new in any case. Signed in where there is a user name.

    Raises what `protocols.smtp.session.open_session` raises, `CredentialError` and `TooManyConnections`.
    """
    ticket = connections.ticket_for(route.account, route.host, "smtp")
    ticket.digest = route.digest
    ticket.keep_s = admission.KEEP_SMTP_S
    connections.pool.admit(ticket)
    try:
        kept, ticket.session = ticket.session, None
        if isinstance(kept, _KeptSmtp):
            if not is_fresh and kept.session.is_alive():
                return SmtpLine(route, ticket, kept.session, is_used=True)
            kept.close()
        return SmtpLine(route, ticket, _open_smtp(route), is_used=False)
    except BaseException:
        connections.pool.leave(ticket, None)
        raise


def _open_smtp(route: Route) -> smtp.LiveSmtpSession:
    login = _route_login(route) if route.username else None
    with connections.noticing_too_many(route.host, "smtp", at_login=True):
        connections.wait_turn(route.host)
        where = connections.endpoint_at(route.host, route.port, route.security)
        return smtp.open_session(where, login, ehlo_name=ehlo_name())


def _route_login(route: Route) -> Login:
    if route.server is None:
        return connections.login_of(route.account, Credential.Purpose.OUTGOING)
    secret = credentials.open_server_secret(route.server)
    return Login(route.username, secret.value, secret.mechanism)


def ehlo_name() -> str:
    """How we name ourselves to submission servers: the host of BASE_URL, or the loopback address literal."""
    host = urlsplit(settings.BASE_URL).hostname or ""
    return host if "." in host and ":" not in host else "[127.0.0.1]"


class _Reaper:
    """Ends kept submission sessions whose time is over. Its thread lives only while there are some."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_running = False

    def watch(self) -> None:
        """There is a kept session now."""
        with self._lock:
            if self._is_running:
                return
            self._is_running = True
        threading.Thread(target=self._run, name="kept-smtp", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(admission.KEEP_SMTP_S / 6)
            connections.pool.close_stale("smtp")
            with self._lock:
                if not connections.pool.keeps("smtp"):
                    self._is_running = False
                    return


_reaper = _Reaper()
